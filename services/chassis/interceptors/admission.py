"""Interceptor that limits the number of streams and other waiting calls, by account and in total."""

import datetime
import threading
from collections import Counter
from collections.abc import Iterator, Set
from contextlib import contextmanager

import grpc

from services.chassis import context as calls
from services.chassis.errors import ThrottledError
from services.chassis.interceptors import Handler, Method, around
from services.chassis.language import Localized

RETRY_AFTER = datetime.timedelta(seconds=2)


class TooManyStreamsError(ThrottledError):
    """The account, or this replica, has the maximum number of waiting calls."""

    reason = "TOO_MANY_STREAMS"
    message = Localized("当前连接数过多，请稍后再试", "Too many connections are open; try again later")


class Admission:
    """Admits at most `slots` concurrent streams, and at most `per_account` of an account.

    `also` has the paths of unary methods that wait like a stream. Further calls raise TooManyStreamsError; the
    server has separate threads for these refusals, so that they never wait for a stream to end.
    """

    def __init__(self, slots: int, per_account: int, also: Set[str] = frozenset()) -> None:
        self._slots = slots
        self._per_account = per_account
        self._also = also
        self._lock = threading.Lock()
        self._taken = 0
        self._taken_by: Counter[str] = Counter()

    def intercept(self, method: Method, handler: Handler) -> Handler:
        if not method.is_streaming and method.path not in self._also:
            return handler

        @contextmanager
        def enter(_context: grpc.ServicerContext) -> Iterator[None]:
            principal = calls.current().principal
            account_id = None if principal is None else principal.account_id
            self._take(account_id)
            try:
                yield
            finally:
                self._release(account_id)

        return around(method, handler, enter)

    def _take(self, account_id: str | None) -> None:
        with self._lock:
            is_full = self._taken >= self._slots
            if is_full or (account_id is not None and self._taken_by[account_id] >= self._per_account):
                raise TooManyStreamsError(retry_after=RETRY_AFTER)
            self._taken += 1
            if account_id is not None:
                self._taken_by[account_id] += 1

    def _release(self, account_id: str | None) -> None:
        with self._lock:
            self._taken -= 1
            if account_id is not None:
                self._taken_by[account_id] -= 1
                if self._taken_by[account_id] == 0:
                    del self._taken_by[account_id]
