"""Interceptor that enforces the access levels of the contract."""

import datetime
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc

from fastmp.access.v1.access_pb2 import SERVICE
from services.chassis import context as calls
from services.chassis.access import check_account, check_peer
from services.chassis.interceptors import Handler, Method, around


class Access:
    """Refuses calls whose certificate, or whose account at `now()`, the method's rule does not allow."""

    def __init__(self, now: Callable[[], datetime.datetime]) -> None:
        self._now = now

    def intercept(self, method: Method, handler: Handler) -> Handler:
        by_certificate = method.rule.level == SERVICE

        @contextmanager
        def enter(_context: grpc.ServicerContext) -> Iterator[None]:
            if by_certificate:
                check_peer(method.rule, calls.current().peer)
            if method.rule.needs_account:
                check_account(method.rule, calls.caller(), self._now())
            yield

        return around(method, handler, enter)
