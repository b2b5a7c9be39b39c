"""Interceptor that counts and times calls, by method and gRPC code."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from prometheus_client import CollectorRegistry, Gauge, Histogram

from services.chassis import context as calls
from services.chassis.interceptors import Handler, Method, around


class Metrics:
    """Writes `grpc_server_handling_seconds` and `grpc_server_calls_in_progress` to a Prometheus registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "grpc_server_handling_seconds", "Time to answer a call.", ("method", "code"), registry=registry
        )
        self._in_progress = Gauge(
            "grpc_server_calls_in_progress", "Calls being answered.", ("method",), registry=registry
        )

    def intercept(self, method: Method, handler: Handler) -> Handler:
        in_progress = self._in_progress.labels(method.path)
        # Looking up a labelled child takes a lock and builds a tuple, so the usual one is looked up once.
        succeeded = self._seconds.labels(method.path, grpc.StatusCode.OK.name)

        @contextmanager
        def enter(_context: grpc.ServicerContext) -> Iterator[None]:
            start = time.perf_counter()
            in_progress.inc()
            outcome = grpc.StatusCode.UNKNOWN
            try:
                yield
                outcome = grpc.StatusCode.OK
            except GeneratorExit:
                outcome = grpc.StatusCode.CANCELLED
                raise
            except Exception:
                outcome = calls.current().refused_with or grpc.StatusCode.UNKNOWN
                raise
            finally:
                in_progress.dec()
                elapsed = time.perf_counter() - start
                if outcome is grpc.StatusCode.OK:
                    succeeded.observe(elapsed)
                else:
                    self._seconds.labels(method.path, outcome.name).observe(elapsed)

        return around(method, handler, enter)
