"""Interceptor that refuses calls whose deadline has passed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from services.chassis import context as calls
from services.chassis.errors import DomainError
from services.chassis.interceptors import Handler, Method, around
from services.chassis.language import Localized


class DeadlineExceededError(DomainError):
    """The deadline of the call passed before its handler began."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED
    reason = "DEADLINE_EXCEEDED"
    message = Localized("请求超时", "The request took too long")


class Deadline:
    """Raises DeadlineExceededError for a call whose deadline passed while it waited for a thread."""

    def intercept(self, method: Method, handler: Handler) -> Handler:
        @contextmanager
        def enter(_context: grpc.ServicerContext) -> Iterator[None]:
            if calls.current().deadline <= time.monotonic():
                raise DeadlineExceededError
            yield

        return around(method, handler, enter)
