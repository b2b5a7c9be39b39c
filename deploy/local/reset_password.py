"""`python -m deploy.local.reset_password EMAIL`: sets a new password for an account; the stack may be running.

It restores access when an administrator's password is lost. Identity's own command generates the password and
prints it; this one provides it with the local stack's database and secrets.
"""

import contextlib
import os
import subprocess
import sys

from deploy.local.errors import LocalStackError
from deploy.local.foundation import lay_foundation
from deploy.local.processes import Launcher
from deploy.local.programs import ROOT
from deploy.local.settings import LocalSettings
from deploy.local.state_directory import StateDirectory
from deploy.local.topology import Replica, Topology


def reset_password(settings: LocalSettings, email: str) -> int:
    """Runs Identity's command and returns its exit status. Raises LocalStackError if it cannot be run."""
    path = settings.fastmp_state_dir.resolve()
    if not StateDirectory.secrets_file_in(path).exists():
        raise LocalStackError(f"{path} (FASTMP_STATE_DIR) holds no stack")
    is_running = StateDirectory.holder(path) is not None
    own_databases = {name: value for name, value in settings if name.endswith("_database_url")}
    beside = LocalSettings.side_by_side(path, **own_databases)
    launcher = Launcher()
    with contextlib.ExitStack() as held:
        held.callback(launcher.close)
        topology = Topology(beside, {}, has_wechat_emulator=False)
        state = StateDirectory.beside(path) if is_running else StateDirectory.open(path)
        foundation = lay_foundation(beside, topology, launcher, os.environ, held, state)
        if foundation.postgres is not None and not is_running:
            foundation.postgres.start()
            held.callback(foundation.postgres.stop)
        return subprocess.run(
            # Not with the launcher, because the output is a secret and must not be logged.
            [sys.executable, "-m", "services.identity", "reset-password", email],
            env=foundation.environments.service(Replica("identity", 1)),
            cwd=ROOT,
            check=False,
        ).returncode


def main() -> int:
    """Runs the command and returns the exit status: 0, or after an error message 1, 2 or Identity's own."""
    if len(sys.argv) != 2 or not sys.argv[1]:  # noqa: PLR2004 - the program and the e-mail
        print("usage: make reset-password EMAIL=name@example.com", file=sys.stderr)
        return 2
    try:
        return reset_password(LocalSettings.from_environment(), sys.argv[1])
    except LocalStackError as error:
        print(f"FastMP: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
