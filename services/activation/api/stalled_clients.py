"""Cancels calls whose client has stopped reading, to free their resources."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def cancelled_when_stalled(cancel: Callable[[], object], seconds: float) -> Iterator[Callable[[], None]]:
    """Within the block, calls `cancel` once when there is no progress for `seconds` to twice that.

    The block reports progress by calling the function that it is given.
    """
    done = threading.Event()
    signs = 0

    def progress() -> None:
        nonlocal signs
        signs += 1

    def watch() -> None:
        seen = signs
        while not done.wait(seconds):
            if signs == seen:
                cancel()
                return
            seen = signs

    thread = threading.Thread(target=watch, name="stall-watch", daemon=True)
    thread.start()
    try:
        yield progress
    finally:
        done.set()
        thread.join()
