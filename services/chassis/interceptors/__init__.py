"""What happens around every handler, in one order for all services.

An interceptor here wraps a method's handler once, when the server is built, instead of being asked anew for
each call as grpc.ServerInterceptor is: that would run on the server's single accept thread, and what it sets
in contextvars the handler does not see.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import grpc

from services.chassis.grpc_server.access import AccessRule

# Takes the request and the context. Gives the response, or the iterator of responses for a streaming method.
Handler = Callable[[Any, grpc.ServicerContext], Any]
# What an interceptor puts around a call, unary or streaming alike.
Around = Callable[[grpc.ServicerContext], contextlib.AbstractContextManager[None]]


@dataclass(frozen=True)
class Method:
    """What is known of an RPC when the server is built. `path` is "/package.Service/Method"."""

    path: str
    is_streaming: bool
    rule: AccessRule


class Interceptor(Protocol):
    """Wraps the handler of each method once."""

    def intercept(self, method: Method, handler: Handler) -> Handler:
        """The handler with this interceptor's work around it."""
        ...


def around(method: Method, handler: Handler, enter: Around) -> Handler:
    """A handler that runs inside `enter(context)`; for a streaming one, until its stream has ended."""

    def unary(request: Any, context: grpc.ServicerContext) -> Any:
        with enter(context):
            return handler(request, context)

    def streaming(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        with enter(context), contextlib.closing(handler(request, context)) as responses:
            yield from responses

    return streaming if method.is_streaming else unary
