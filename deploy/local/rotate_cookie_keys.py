"""`python -m deploy.local.rotate_cookie_keys`: rotates the local stack's cookie key; the stack may be running."""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

from deploy.local.cookie_key_rotation import CookieKeyRotation
from deploy.local.errors import LocalStackError
from deploy.local.foundation import lay_foundation
from deploy.local.kept_secrets import read_kept
from deploy.local.processes import Launcher
from deploy.local.settings import LocalSettings
from deploy.local.state_directory import StateDirectory
from deploy.local.topology import Topology

# A running stack restarts WeChatCookie three times.
ROTATION_SECONDS = 120.0
INTERVAL_SECONDS = 0.1


def rotate(settings: LocalSettings) -> None:
    """Encrypts all stored cookies with a new key and removes the old ones. Raises LocalStackError if it fails."""
    path = settings.fastmp_state_dir.resolve()
    if not StateDirectory.secrets_file_in(path).exists():
        raise LocalStackError(f"{path} (FASTMP_STATE_DIR) holds no stack whose keys could be changed")
    supervisor = StateDirectory.holder(path)
    if supervisor is None:
        _rotate_stopped(LocalSettings.side_by_side(path, **_databases(settings)))
    else:
        _request(supervisor, StateDirectory.secrets_file_in(path))


def _rotate_stopped(settings: LocalSettings) -> None:
    """Rotates the keys of a stopped stack. Only the database is started, since no process uses the cookies."""
    launcher = Launcher()
    with contextlib.ExitStack() as held:
        held.callback(launcher.close)
        topology = Topology(settings, {}, has_wechat_emulator=False)
        state = StateDirectory.open(settings.fastmp_state_dir)
        foundation = lay_foundation(settings, topology, launcher, os.environ, held, state)
        if foundation.postgres is not None:
            foundation.postgres.start()
            held.callback(foundation.postgres.stop)
        CookieKeyRotation(foundation, launcher, restart=lambda _: None).run()


def _request(supervisor: int, secrets_file: Path) -> None:
    """Makes the running stack rotate its keys. Raises LocalStackError if it has not after ROTATION_SECONDS."""
    before = set(read_kept(secrets_file).cookie_keys.split(","))
    os.kill(supervisor, signal.SIGUSR1)
    deadline = time.monotonic() + ROTATION_SECONDS
    while before & set(read_kept(secrets_file).cookie_keys.split(",")):
        if time.monotonic() > deadline:
            raise LocalStackError("the running stack has not changed its keys; it says why where it runs")
        time.sleep(INTERVAL_SECONDS)


def _databases(settings: LocalSettings) -> dict[str, object]:
    kept = {name: value for name, value in settings if name.endswith("_database_url")}
    return {**kept, "cookie_keys": settings.cookie_keys}


def main() -> int:
    """Runs the command and returns the exit code: 0, or 1 after an error message."""
    try:
        rotate(LocalSettings.from_environment())
    except LocalStackError as error:
        print(f"FastMP: {error}", file=sys.stderr)
        return 1
    print("every stored cookie is under a new key, and the old one is gone")
    return 0


if __name__ == "__main__":
    sys.exit(main())
