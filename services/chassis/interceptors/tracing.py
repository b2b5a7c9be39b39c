"""Interceptor that makes a span of each call."""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from services.chassis import context as calls
from services.chassis.interceptors import Handler, Method, around, outcome
from services.chassis.tracing import spans

# Of the other codes the caller is the cause.
_FAULTS = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)


class Tracing:
    """Makes a span of each call, in the caller's trace, if spans are exported."""

    def intercept(self, method: Method, handler: Handler) -> Handler:
        if not spans.are_exported():
            return handler

        @contextmanager
        def enter(_context: grpc.ServicerContext) -> Iterator[None]:
            call = calls.current()
            traceparent = calls.last_value(call.metadata, "traceparent")
            attributes = {"rpc.system": "grpc", "fastmp.request_id": call.request_id}
            with spans.server(method.path.lstrip("/"), traceparent, attributes) as span:

                def report(code: grpc.StatusCode) -> None:
                    number, _ = code.value
                    span.set("rpc.grpc.status_code", number)
                    if code in _FAULTS:
                        span.failed(code.name)

                with outcome.reported_to(report):
                    yield

        return around(method, handler, enter)
