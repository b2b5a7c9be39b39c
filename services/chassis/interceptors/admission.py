"""Interceptor that bounds the number of streams and other waiting calls, each of which holds a thread."""

import datetime
import threading
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass

import grpc

from services.chassis.errors import ThrottledError
from services.chassis.interceptors import Handler, Method, around


@dataclass(eq=False)
class TooManyStreamsError(ThrottledError):
    """This replica has the maximum number of waiting calls."""

    reason = "TOO_MANY_STREAMS"
    message: str = "当前连接数过多，请稍后再试"


class Admission:
    """Admits at most `slots` calls at a time of streaming methods and of the unary methods with a path in `also`.

    Further calls raise TooManyStreamsError.
    """

    def __init__(self, slots: int, also: Set[str] = frozenset()) -> None:
        self._slots = threading.BoundedSemaphore(slots)
        self._also = also

    def intercept(self, method: Method, handler: Handler) -> Handler:
        if not method.is_streaming and method.path not in self._also:
            return handler

        @contextmanager
        def enter(_context: grpc.ServicerContext) -> Iterator[None]:
            if not self._slots.acquire(blocking=False):
                raise TooManyStreamsError(retry_after=datetime.timedelta(seconds=2))
            try:
                yield
            finally:
                self._slots.release()

        return around(method, handler, enter)
