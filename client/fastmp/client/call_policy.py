"""An interceptor for all calls on a channel: access token, language, default deadline, FastMPError for failures."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import grpc

from fastmp.client.errors import FastMPError, typed


@dataclass(frozen=True)
class _Details(grpc.ClientCallDetails):
    method: str
    timeout: float | None
    metadata: Any
    credentials: grpc.CallCredentials | None
    wait_for_ready: bool | None
    compression: grpc.Compression | None


class CallPolicy(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Sets a deadline for calls without a `timeout`, sends the access token, and makes calls raise FastMPError.

    The token is metadata and not grpc.CallCredentials, because those can cause a deadlock: a thread of gRPC needs
    the interpreter's lock to release them, and closing the last channel of a process holds the lock while it waits
    for that thread (as of 1.85; https://github.com/grpc/grpc/pull/42247). Mutual TLS ensures that only FastMP gets
    it.
    """

    def __init__(
        self, call_seconds: float, stream_seconds: float, access_token: str | None, language: str | None
    ) -> None:
        self._call_seconds = call_seconds
        self._stream_seconds = stream_seconds
        token = (("authorization", f"Bearer {access_token}"),) if access_token else ()
        self._metadata = (*token, ("accept-language", language)) if language else token

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return TypedCall(continuation(self._own(client_call_details, self._call_seconds), request))

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return TypedCall(continuation(self._own(client_call_details, self._stream_seconds), request))

    def _own(self, details: Any, seconds: float) -> grpc.ClientCallDetails:
        return _Details(
            method=details.method,
            timeout=seconds if details.timeout is None else details.timeout,
            metadata=(*(details.metadata or ()), *self._metadata),
            credentials=details.credentials,
            wait_for_ready=details.wait_for_ready,
            compression=details.compression,
        )


class TypedCall:
    """A grpc.Call, with its Future or iterator, that raises FastMPError instead of grpc.RpcError."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        try:
            return next(self._call)
        except grpc.RpcError as error:
            raise typed(error) from error

    def result(self, timeout: float | None = None) -> Any:
        """See grpc.Future.result."""
        try:
            return self._call.result(timeout)
        except grpc.RpcError as error:
            raise typed(error) from error

    def exception(self, timeout: float | None = None) -> Exception | FastMPError | None:
        """See grpc.Future.exception."""
        error: Exception | None = self._call.exception(timeout)
        return typed(error) if isinstance(error, grpc.RpcError) else error

    def add_done_callback(self, fn: Callable[[Self], None]) -> None:
        """See grpc.Future.add_done_callback."""
        self._call.add_done_callback(lambda _: fn(self))
