"""Registration of servicers with the interceptors around each method."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import grpc

from services.chassis.access import AccessRule
from services.chassis.interceptors import Handler, Interceptor, Method
from services.chassis.interceptors.decoding import lenient


class InterceptingRegistrar:
    """Takes the place of the grpc.Server in a generated `add_…Servicer_to_server`, and wraps each method.

    `interceptors` are in order from the outermost to the innermost. Raises LookupError for a method without a rule.
    """

    def __init__(
        self,
        server: grpc.Server,
        rules: Mapping[str, AccessRule],
        interceptors: Sequence[Interceptor],
        threads_of: Callable[[Method], ThreadPoolExecutor | None],
    ) -> None:
        """`threads_of` returns the thread pool of a method's calls, or None for the server's own."""
        self._server = server
        self._rules = rules
        self._interceptors = interceptors
        self._threads_of = threads_of

    def add(self, add_servicer: Callable[[Any, grpc.Server], None], servicer: object) -> None:
        """Registers `servicer` by its generated `add_…Servicer_to_server` function."""
        add_servicer(servicer, cast("grpc.Server", self))

    def add_generic_rpc_handlers(self, _handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Does nothing, because add_registered_method_handlers() gets the same methods."""

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
            raise LookupError(f"{path}: streams of requests are not supported")
        method = Method(path, handler.response_streaming, self._rules[path])
        streaming = handler.response_streaming
        behaviour: Handler = cast("Handler", handler.unary_stream if streaming else handler.unary_unary)
        for interceptor in reversed(self._interceptors):
            behaviour = interceptor.intercept(method, behaviour)
        threads = self._threads_of(method)
        if threads is not None:
            # grpcio looks for an attribute of this name.
            cast("Any", behaviour).experimental_thread_pool = threads
        make = grpc.unary_stream_rpc_method_handler if streaming else grpc.unary_unary_rpc_method_handler
        return make(
            cast("Any", behaviour),
            lenient(cast("Any", handler.request_deserializer)),
            handler.response_serializer,
        )
