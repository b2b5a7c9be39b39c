"""Refuses work that nobody waits for any more."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import grpc

from services.chassis import context as calls
from services.chassis.errors import DomainError
from services.chassis.interceptors import Handler, Method, around


@dataclass(eq=False)
class DeadlineExceededError(DomainError):
    """The caller's deadline was over before the work began."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED
    reason = "DEADLINE_EXCEEDED"
    message: str = "请求超时"


class Deadline:
    """Ends a call whose deadline passed while it waited for a thread, before it costs anything more."""

    def intercept(self, method: Method, handler: Handler) -> Handler:
        @contextmanager
        def enter(_context: grpc.ServicerContext) -> Iterator[None]:
            if calls.current().deadline <= time.monotonic():
                raise DeadlineExceededError
            yield

        return around(method, handler, enter)
