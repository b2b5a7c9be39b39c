"""`python -m deploy.demo`: starts a stack of its own, runs the demo on it, and removes it."""

import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from deploy.demo.rest import RefusedError
from deploy.demo.walk import StepFailedError, Walk
from deploy.local.errors import LocalStackError
from deploy.local.known_settings import forget_settings
from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl


def main() -> int:
    """Runs the demo and returns the exit status: 0 only if every step succeeded."""
    signal.signal(signal.SIGTERM, _interrupt)
    # Settings that are exported for `make run` must not change the demo.
    forget_settings()
    print("starting the services, PostgreSQL, Envoy and an emulated WeChat", flush=True)
    with tempfile.TemporaryDirectory(prefix="fastmp-demo-") as folder:
        settings = LocalSettings.side_by_side(Path(folder) / "state")
        try:
            with LocalStack(settings, wechat_emulator=()) as stack, _phone(stack) as phone:
                Walk(stack, phone).run()
        except (LocalStackError, StepFailedError, RefusedError) as error:
            print(f"the demo failed: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130
    print("every step did what it says")
    return 0


def _phone(stack: LocalStack) -> EmulatorControl:
    emulator = stack.wechat_emulator
    if emulator is None:
        raise StepFailedError("the stack has no emulator")
    return EmulatorControl(emulator.base_url, emulator.control_token, str(emulator.ca_file))


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
