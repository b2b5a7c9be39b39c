"""One person's hands on many phones: taps that are due later are made when they are due, on one thread."""

import heapq
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import requests

from deploy.local.foundation import WeChatEmulator
from deploy.wechat_emulator.control import EmulatorControl, EmulatorRefusedError

Tap = Callable[[EmulatorControl], object]


class PhoneHands:
    """Makes taps, each as soon as its time has come. `refused` holds what the emulated WeChat refused.

    The taps still waiting at the end of the block are never made.
    """

    def __init__(self, emulator: WeChatEmulator) -> None:
        self.refused: list[str] = []
        self._emulator = emulator
        self._condition = threading.Condition()
        self._taps: list[tuple[float, int, Tap]] = []
        self._count = 0
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="phone-hands")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._condition:
            self._ending = True
            self._condition.notify()
        self._thread.join()

    def in_seconds(self, seconds: float, tap: Tap) -> None:
        """Makes `tap` after `seconds`. Returns at once."""
        with self._condition:
            self._count += 1
            heapq.heappush(self._taps, (time.monotonic() + seconds, self._count, tap))
            self._condition.notify()

    def _run(self) -> None:
        emulator = self._emulator
        with EmulatorControl(emulator.base_url, emulator.control_token, str(emulator.ca_file)) as phone:
            while (tap := self._next()) is not None:
                try:
                    tap(phone)
                except (EmulatorRefusedError, requests.RequestException) as error:
                    self.refused.append(str(error))

    def _next(self) -> Tap | None:
        with self._condition:
            while not self._ending:
                pause = self._taps[0][0] - time.monotonic() if self._taps else None
                if pause is not None and pause <= 0:
                    return heapq.heappop(self._taps)[2]
                self._condition.wait(pause)
        return None
