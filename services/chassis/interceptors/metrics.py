"""Interceptor that counts and times calls, by method, type and gRPC code."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc
from prometheus_client import CollectorRegistry, Gauge, Histogram

from services.chassis import context as calls
from services.chassis.interceptors import Handler, Method, around


def _type_of(method: Method) -> str:
    return "stream" if method.is_streaming else "unary"


class Metrics:
    """Writes `grpc_server_handling_seconds` and `grpc_server_calls_in_progress` to a Prometheus registry.

    `type_of` returns a method's label `type`, by which the times of calls that wait are told from those of others.
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
                    self._seconds.labels(method.path, kind, outcome.name).observe(elapsed)

        return around(method, handler, enter)
