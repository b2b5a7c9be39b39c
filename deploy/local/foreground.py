"""Runs a stack in the foreground of a terminal until Ctrl-C or a termination signal."""

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from deploy.local.errors import LocalStackError
from deploy.local.stack import LocalStack
from deploy.local.supervision import Supervisor

WATCH_INTERVAL_SECONDS = 0.25
STOPPED_BY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_in_foreground(prepare: Callable[[], LocalStack], announce: Callable[[LocalStack], None]) -> int:
    """Starts the stack that `prepare` returns, calls `announce` when it is ready, and supervises it until a signal.

    Returns the exit code: 0 after a requested stop; 1 after an error message, also if a process has died too often.
    No process is left running. `prepare` and `announce` may raise LocalStackError.
    """
    for number in STOPPED_BY:
        signal.signal(number, _interrupt)
    try:
        _run(prepare(), announce)
    except LocalStackError as error:
        print(f"FastMP: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        # Interrupted before anything was started.
        return 0
    return 0


def _run(stack: LocalStack, announce: Callable[[LocalStack], None]) -> None:
    rotation = threading.Event()
    # Sent by deploy.local.rotate_cookie_keys.
    signal.signal(signal.SIGUSR1, lambda _number, _frame: rotation.set())
    try:
        stack.start()
        announce(stack)
        upkeep, supervisor = stack.upkeep(), Supervisor(stack)
        while True:
            if rotation.wait(WATCH_INTERVAL_SECONDS):
                rotation.clear()
                _rotate_cookie_keys(stack)
            supervisor.run_if_due()
            upkeep.run_if_due()
    except KeyboardInterrupt:
        print("stopping", flush=True)
    finally:
        # Stopping takes a bounded time. Another Ctrl-C must not interrupt it and leave processes running.
        for number in STOPPED_BY:
            signal.signal(number, signal.SIG_IGN)
        stack.stop()


def _rotate_cookie_keys(stack: LocalStack) -> None:
    """Rotates the keys and prints the result. After a failure the stack keeps running with its present keys."""
    try:
        stack.rotate_cookie_keys()
        print("every stored cookie is under a new key", flush=True)
    except LocalStackError as error:
        print(f"the cookie keys could not be changed: {error}", file=sys.stderr, flush=True)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
