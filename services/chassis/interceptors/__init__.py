"""Interceptors: code that runs around each handler, in the same order in all services.

An interceptor wraps a method's handler once, when the server is built. grpc.ServerInterceptor would run for each
call, on the server's single accept thread, and the handler would not see the contextvars that it sets.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import grpc

from services.chassis.access import AccessRule

# Takes the request and the context. Returns the response or, if streaming, the iterator of responses.
Handler = Callable[[Any, grpc.ServicerContext], Any]
# The context manager in which an interceptor runs a call, unary or streaming.
Around = Callable[[grpc.ServicerContext], contextlib.AbstractContextManager[None]]


@dataclass(frozen=True)
class Method:
    """An RPC as the server is built. `path` is "/package.Service/Method"."""

    path: str
    is_streaming: bool
    rule: AccessRule


class Interceptor(Protocol):
    """Wraps the handler of each method, once."""

    def intercept(self, method: Method, handler: Handler) -> Handler:
        """Returns `handler` wrapped in this interceptor."""
        ...


def around(method: Method, handler: Handler, enter: Around) -> Handler:
    """Returns a handler that runs `handler` within `enter(context)`, a streaming one until its stream ends."""

    def unary(request: Any, context: grpc.ServicerContext) -> Any:
        with enter(context):
            return handler(request, context)

    def streaming(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        with enter(context), contextlib.closing(handler(request, context)) as responses:
            yield from responses

    return streaming if method.is_streaming else unary
