"""Calls of many kinds, one after the other on several threads, each counted with what came of it."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.support.gateway_calls import Answer, GatewayCaller

# Steady, and little enough for the machine that runs everything else as well.
PAUSE_SECONDS = 0.1

Call = Callable[[GatewayCaller], Answer]


class SteadyLoad:
    """Makes each kind of call again and again, on a thread and a connection of its own, until the block ends.

    `counts` holds how many of each kind went well; `failures` what the others came to.
    """

    def __init__(self, gateway_url: str, token: str, calls: dict[str, Call]) -> None:
        self.counts: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._repeat, args=(gateway_url, token, name, call), name=name)
            for name, call in calls.items()
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, gateway_url: str, token: str, name: str, call: Call) -> None:
        with GatewayCaller(gateway_url, token) as caller:
            while not self._ending.wait(PAUSE_SECONDS):
                began = time.monotonic()
                answer = call(caller)
                with self._lock:
                    if answer.ok:
                        self.counts[name] += 1
                    else:
                        self.failures[f"{name}: {answer} after {time.monotonic() - began:.1f} s"] += 1
