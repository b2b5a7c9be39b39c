"""`python -m deploy.trial`: runs a stack with an emulated WeChat in the foreground until Ctrl-C.

Each run begins with an empty state below FASTMP_STATE_DIR. Of the exported settings only the ports are used: a
database, a key or a proxy that is meant for `make run` must not become part of a trial.
"""

import shutil
import sys
from pathlib import Path

from deploy.local.errors import LocalStackError
from deploy.local.foreground import run_in_foreground
from deploy.local.known_settings import forget_settings
from deploy.local.ports import LOOPBACK, PortReservations
from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack
from deploy.local.state_directory import StateDirectory
from deploy.trial.accounts import make_accounts
from deploy.trial.session import write_session

FOLDER = "try"


def main() -> int:
    """Runs the trial and returns the exit code: 0 after a requested stop, 1 after an error message."""
    ports = PortReservations()
    try:
        return run_in_foreground(lambda: _prepare(ports), lambda stack: _announce(stack, ports))
    finally:
        ports.release_all()


def _prepare(ports: PortReservations) -> LocalStack:
    given = LocalSettings.from_environment()
    forget_settings()
    settings = LocalSettings.model_validate(
        {name: value for name, value in given if name.endswith("_port")}
        | {"fastmp_state_dir": given.fastmp_state_dir / FOLDER}
    )
    _empty(settings.fastmp_state_dir)
    ports.reserve_all([("PHONE_PORT", settings.phone_port)])
    return LocalStack(settings, wechat_emulator=("--phone-port", str(ports["PHONE_PORT"])))


def _empty(folder: Path) -> None:
    """Removes the state of an earlier trial. Raises LocalStackError if that trial is still running."""
    state = StateDirectory.open(folder)
    try:
        for entry in state.path.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != "lock":
                entry.unlink()
    finally:
        state.close()


def _announce(stack: LocalStack, ports: PortReservations) -> None:
    admin = stack.first_admin
    if admin is None:
        raise LocalStackError("the trial has no administrator")
    customer, code = make_accounts(stack.gateway_url, admin)
    session = write_session(stack, admin.password)
    print(
        f"""
The console          {stack.gateway_url}/
The emulated phone   http://{LOOPBACK}:{ports["PHONE_PORT"]}/  (scan, choose, confirm and cancel there)

Account              {customer.email}, password {customer.password} (activated for 30 days)
Administrator        {admin.email}, password {admin.password}
Activation code      {code} (30 days, for an account that you register)

For the commands of the README, in another terminal:   . {_shown(session)}
State, logs and certificates are in {_shown(stack.state_directory)}; the next make try removes them.
FastMP is ready with an emulated WeChat: {stack.gateway_url} (Ctrl-C stops it)""",
        flush=True,
    )


def _shown(path: Path) -> Path:
    """Returns the path relative to the working directory, if it is below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


if __name__ == "__main__":
    sys.exit(main())
