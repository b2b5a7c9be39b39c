"""`python -m deploy.local.reset_password EMAIL [off]`: sets a new password; the stack may be running.

With "off" it also removes the account's second factor. It restores access when an administrator's password or phone
is lost. Identity's own commands do it; this one provides them with the local stack's database and secrets.
"""

import subprocess
import sys
from collections.abc import Mapping

from deploy.local.beside import foundation_beside
from deploy.local.errors import LocalStackError
from deploy.local.programs import ROOT
from deploy.local.settings import LocalSettings
from deploy.local.topology import Replica


def reset_password(settings: LocalSettings, email: str, *, removes_second_factor: bool = False) -> int:
    """Runs Identity's commands and returns the exit status. Raises LocalStackError if they cannot be run."""
    with foundation_beside(settings) as foundation:
        environment = foundation.environments.service(Replica("identity", 1))
        commands = ["remove-second-factor"] * removes_second_factor + ["reset-password"]
        return max(_run(command, email, environment) for command in commands)


def _run(command: str, email: str, environment: Mapping[str, str]) -> int:
    return subprocess.run(
        # Not with the launcher, because the output is a secret and must not be logged.
        [sys.executable, "-m", "services.identity", command, email],
        # The password alone goes to standard output.
        stdout=None if command == "reset-password" else subprocess.DEVNULL,
        env=environment,
        cwd=ROOT,
        check=False,
    ).returncode


def main() -> int:
    """Runs the command and returns the exit status: 0, or after an error message 1, 2 or Identity's own."""
    match sys.argv[1:]:
        case [email] if email:
            removes_second_factor = False
        case [email, "off"] if email:
            removes_second_factor = True
        case _:
            print("usage: make reset-password EMAIL=name@example.com [SECOND_FACTOR=off]", file=sys.stderr)
            return 2
    try:
        settings = LocalSettings.from_environment()
        return reset_password(settings, email, removes_second_factor=removes_second_factor)
    except LocalStackError as error:
        print(f"FastMP: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
