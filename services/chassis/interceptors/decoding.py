"""Interceptor that answers INVALID_ARGUMENT to requests that cannot be decoded.

By default, grpcio answers INTERNAL, for example to a string that is not UTF-8, and logs a traceback.
"""

from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from services.chassis.errors import InvalidArgumentError
from services.chassis.interceptors import Handler, Method


class Undecodable:
    """Placeholder of a request that could not be decoded."""


def lenient(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Returns a `deserialize` that returns an Undecodable instead of raising DecodeError."""

    def attempt(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return Undecodable()

    return attempt


class Decoding:
    """Raises InvalidArgumentError for an Undecodable. Innermost, so authentication comes first."""

    def intercept(self, method: Method, handler: Handler) -> Handler:
        def unary(request: Any, context: grpc.ServicerContext) -> Any:
            if isinstance(request, Undecodable):
                raise InvalidArgumentError
            return handler(request, context)

        def streaming(request: Any, context: grpc.ServicerContext) -> Any:
            yield from unary(request, context)

        return streaming if method.is_streaming else unary
