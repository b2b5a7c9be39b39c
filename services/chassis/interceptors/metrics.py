"""Interceptor that counts and times calls, by method, type and gRPC code."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc
from prometheus_client import CollectorRegistry, Gauge, Histogram

from services.chassis.interceptors import Handler, Method, around, outcome


def _type_of(method: Method) -> str:
    return "stream" if method.is_streaming else "unary"


class Metrics:
    """Writes `grpc_server_handling_seconds` and `grpc_server_calls_in_progress` to a Prometheus registry.

    `type_of` returns a method's label `type`, which separates the times of calls that wait from those of others.
    """

    def __init__(self, registry: CollectorRegistry, type_of: Callable[[Method], str] = _type_of) -> None:
        self._type_of = type_of
        self._seconds = Histogram(
            "grpc_server_handling_seconds",
            "Time to answer a call.",
            ("method", "type", "code"),
            registry=registry,
        )
        self._in_progress = Gauge(
            "grpc_server_calls_in_progress", "Calls being answered.", ("method", "type"), registry=registry
        )

    def intercept(self, method: Method, handler: Handler) -> Handler:
        kind = self._type_of(method)
        in_progress = self._in_progress.labels(method.path, kind)
        # Looking up a labelled child takes a lock and builds a tuple, so the usual one is looked up once.
        succeeded = self._seconds.labels(method.path, kind, grpc.StatusCode.OK.name)

        @contextmanager
        def enter(_context: grpc.ServicerContext) -> Iterator[None]:
            start = time.perf_counter()
            in_progress.inc()

            def report(code: grpc.StatusCode) -> None:
                in_progress.dec()
                elapsed = time.perf_counter() - start
                if code is grpc.StatusCode.OK:
                    succeeded.observe(elapsed)
                else:
                    self._seconds.labels(method.path, kind, code.name).observe(elapsed)

            with outcome.reported_to(report):
                yield

        return around(method, handler, enter)
