"""Answers bytes that are no message of the RPC's request type as bad input.

grpcio by itself answers INTERNAL to whoever sends, say, a string that is not UTF-8, and logs a traceback.
"""

from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from services.chassis.errors import InvalidArgumentError
from services.chassis.interceptors import Handler, Method


class Undecodable:
    """Stands for a request that could not be decoded, until an interceptor may refuse it."""


def lenient(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """`deserialize`, but giving Undecodable instead of raising."""

    def attempt(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return Undecodable()

    return attempt


class Decoding:
    """Refuses what lenient() could not decode. Innermost: strangers learn nothing of their bytes."""

    def intercept(self, method: Method, handler: Handler) -> Handler:
        def unary(request: Any, context: grpc.ServicerContext) -> Any:
            if isinstance(request, Undecodable):
                raise InvalidArgumentError
            return handler(request, context)

        def streaming(request: Any, context: grpc.ServicerContext) -> Any:
            yield from unary(request, context)

        return streaming if method.is_streaming else unary
