"""Puts the interceptors around every method of a servicer as it is registered."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import grpc

from services.chassis.grpc_server.access import AccessRule
from services.chassis.interceptors import Handler, Interceptor, Method
from services.chassis.interceptors.decoding import lenient


class InterceptingRegistrar:
    """Stands in for a grpc.Server in a generated `add_…Servicer_to_server`: wraps, then registers for real.

    `interceptors` go from the outermost to the innermost. Raises LookupError for a method without a rule.
    """

    def __init__(
        self,
        server: grpc.Server,
        rules: Mapping[str, AccessRule],
        interceptors: Sequence[Interceptor],
        threads_of: Callable[[Method], ThreadPoolExecutor | None],
    ) -> None:
        """`threads_of` gives the threads that a method's calls run on; None for the server's own."""
        self._server = server
        self._rules = rules
        self._interceptors = interceptors
        self._threads_of = threads_of

    def add(self, add_servicer: Callable[[Any, grpc.Server], None], servicer: object) -> None:
        """Registers `servicer` by its generated `add_…Servicer_to_server` function."""
        add_servicer(servicer, cast("grpc.Server", self))

    def add_generic_rpc_handlers(self, _handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Does nothing: these are the same methods without the interceptors."""

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, "grpc.RpcMethodHandler[Any, Any]"]
    ) -> None:
        """Registers the methods of `service` ("package.Service") with the interceptors around each."""
        wrapped = {name: self._wrap(f"/{service}/{name}", handler) for name, handler in handlers.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, wrapped),))
        self._server.add_registered_method_handlers(service, wrapped)

    def _wrap(
        self, path: str, handler: "grpc.RpcMethodHandler[Any, Any]"
    ) -> "grpc.RpcMethodHandler[Any, Any]":
        if handler.request_streaming:
            raise LookupError(f"{path}: the interceptors know no streams of requests")
        method = Method(path, handler.response_streaming, self._rules[path])
        streaming = handler.response_streaming
        behaviour: Handler = cast("Handler", handler.unary_stream if streaming else handler.unary_unary)
        for interceptor in reversed(self._interceptors):
            behaviour = interceptor.intercept(method, behaviour)
        threads = self._threads_of(method)
        if threads is not None:
            # The name is grpcio's, which looks for it at each call.
            cast("Any", behaviour).experimental_thread_pool = threads
        make = grpc.unary_stream_rpc_method_handler if streaming else grpc.unary_unary_rpc_method_handler
        return make(
            cast("Any", behaviour),
            lenient(cast("Any", handler.request_deserializer)),
            handler.response_serializer,
        )
