"""`python -m deploy.local`: runs the whole stack in the foreground until Ctrl-C."""

import signal
import sys
import threading
from types import FrameType

from deploy.local.errors import LocalStackError
from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack

WATCH_INTERVAL_SECONDS = 0.25
STOPPED_BY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run() -> None:
    """Runs the stack until a stop is requested. Raises LocalStackError if it cannot start or a process dies."""
    stack = LocalStack(LocalSettings.from_environment())
    rotation = threading.Event()
    # Sent by deploy.local.rotate_cookie_keys.
    signal.signal(signal.SIGUSR1, lambda _number, _frame: rotation.set())
    try:
        stack.start()
        announce(stack)
        upkeep = stack.upkeep()
        while (dead := stack.dead()) is None:
            if rotation.wait(WATCH_INTERVAL_SECONDS):
                rotation.clear()
                rotate_cookie_keys(stack)
            upkeep.run_if_due()
        raise LocalStackError(dead.death_notice())
    except KeyboardInterrupt:
        print("stopping", flush=True)
    finally:
        # Stopping takes a bounded time. Another Ctrl-C must not interrupt it and leave processes running.
        for number in STOPPED_BY:
            signal.signal(number, signal.SIG_IGN)
        stack.stop()


def rotate_cookie_keys(stack: LocalStack) -> None:
    """Rotates the keys and prints the result. After a failure the stack keeps running with its present keys."""
    try:
        stack.rotate_cookie_keys()
        print("every stored cookie is under a new key", flush=True)
    except LocalStackError as error:
        print(f"the cookie keys could not be changed: {error}", file=sys.stderr, flush=True)


def announce(stack: LocalStack) -> None:
    """Prints the address, the first administrator, and where state and logs are."""
    admin = stack.first_admin
    if admin is not None and stack.settings.admin_password is None:
        print(f"first admin: {admin.email}, password {admin.password} (shown only this once)")
    if stack.admin_password_was_ignored:
        email = stack.settings.admin_email
        print(
            "ADMIN_PASSWORD is ignored: this state has an administrator already, whose password it does not change."
        )
        print(f"A new password for an account: make reset-password EMAIL={email}")
    where = f"state and logs in {stack.state_directory}"
    print(f"FastMP is ready: {stack.gateway_url} ({where}; Ctrl-C stops it)", flush=True)


def main() -> int:
    """Runs the stack and returns the exit code: 0 after a requested stop, 1 after an error message."""
    for number in STOPPED_BY:
        signal.signal(number, _interrupt)
    try:
        run()
    except LocalStackError as error:
        print(f"FastMP: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        # Interrupted before anything was started.
        return 0
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
