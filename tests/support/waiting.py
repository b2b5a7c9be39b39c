"""Waiting in tests: for a condition, with a deadline, instead of for a time."""

import time
from collections.abc import Callable

INTERVAL_SECONDS = 0.02


def wait_until(condition: Callable[[], object], what: str = "the condition", seconds: float = 20) -> None:
    """Returns as soon as `condition()` is true. Fails with `what` when it is not so after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still not so: {what}")
        time.sleep(INTERVAL_SECONDS)
