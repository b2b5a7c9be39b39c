"""gRPC client interceptor that makes a span of each unary call and sends its traceparent."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import grpc

from services.chassis.tracing import spans


class _Details(NamedTuple):
    method: str
    timeout: float | None
    metadata: tuple[tuple[str, str | bytes], ...]
    credentials: grpc.CallCredentials | None
    wait_for_ready: bool | None
    compression: grpc.Compression | None


class OutgoingCalls(grpc.UnaryUnaryClientInterceptor):
    """Puts unary calls into the current trace. Streams have no span, because they last until a process stops."""

    def intercept_unary_unary(
        self, continuation: Callable[..., Any], client_call_details: grpc.ClientCallDetails, request: Any
    ) -> Any:
        given = cast("_Details", client_call_details)
        with spans.client(given.method.lstrip("/"), {"rpc.system": "grpc"}) as span:
            sent = (("traceparent", spans.traceparent() or ""),)
            details = _Details(
                given.method,
                given.timeout,
                (*(given.metadata or ()), *sent),
                given.credentials,
                given.wait_for_ready,
                given.compression,
            )
            call = continuation(details, request)
            # Waits for the end of a call made by future(), which the services do not use.
            code = call.code()
            number, _ = code.value
            span.set("rpc.grpc.status_code", number)
            if code is not grpc.StatusCode.OK:
                span.failed(code.name)
            return call
