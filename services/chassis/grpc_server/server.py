"""The server of a service: ports, interceptors, health, reflection, metrics, drain."""

import datetime
import threading
import time
from collections.abc import Callable, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast

import grpc
import structlog
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry, Gauge, ProcessCollector

from services.chassis.access import rules_of
from services.chassis.background_loop import FAILURES, LAST_SUCCESS, BackgroundLoop
from services.chassis.grpc_server.metrics_server import MetricsServer
from services.chassis.grpc_server.registration import InterceptingRegistrar
from services.chassis.grpc_server.thread_pool import ElasticThreadPool
from services.chassis.identity.principals import Authenticator
from services.chassis.interceptors import Interceptor, Method
from services.chassis.interceptors.access import Access
from services.chassis.interceptors.admission import Admission
from services.chassis.interceptors.authentication import Authentication
from services.chassis.interceptors.calls import CallContext
from services.chassis.interceptors.deadline import Deadline
from services.chassis.interceptors.decoding import Decoding
from services.chassis.interceptors.error_mapping import ErrorMapping
from services.chassis.interceptors.metrics import Metrics
from services.chassis.interceptors.tracing import Tracing
from services.chassis.mutual_tls import TlsFiles, server_credentials
from services.chassis.postgres.connecting import answers_until

_log = structlog.get_logger(__name__)

# As long as a call may wait for another service, and longer than a password hash takes on a busy machine. No
# gateway repeats a call that is not idempotent, so one that is cut off fails.
GRACE_SECONDS = 15.0
READINESS_SECONDS = 1.0
# How long the check waits for the database.
READINESS_ANSWER_SECONDS = 3.0
LARGEST_REQUEST_BYTES = 1 << 20
# A waiting stream costs its thread's touched stack; the default of 8 MiB only reserves address space.
THREAD_STACK_BYTES = 512 * 1024
OPERATIONS_THREADS = 4
# Beside the streams' threads: while there are as many streams as are admitted, these refuse further ones.
REFUSING_THREADS = 16

OPTIONS = (
    # If it were on, a second server on an occupied port would start and get a part of the calls.
    ("grpc.so_reuseport", 0),
    # grpc cancels calls beyond these numbers before the service sees them.
    ("grpc.server.max_pending_requests", 100_000),
    ("grpc.server.max_pending_requests_hard_limit", 100_000),
    ("grpc.max_receive_message_length", LARGEST_REQUEST_BYTES),
    # The gateway lets 60 KiB of headers pass and adds its own; grpc counts 32 bytes more for each.
    ("grpc.max_metadata_size", 64 * 1024),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    # Makes direct callers find new replicas; a running stream may end before its connection does.
    ("grpc.max_connection_age_ms", 600_000),
    ("grpc.max_connection_age_grace_ms", 900_000),
)


@dataclass(frozen=True)
class Listen:
    """The address that a service listens on. The system chooses a port for 0.

    `port` is for callers, `operations_port` for health and reflection, with its own threads, `metrics_port` for
    Prometheus over HTTPS.
    """

    host: str
    port: int
    operations_port: int
    metrics_port: int


@dataclass(frozen=True)
class Pool:
    """Numbers of threads for short calls, and for calls that wait: streams, and unary methods in `waiting`.

    An account has at most `streams_per_account` of the waiting calls.

    `queueing` holds the paths of unary methods that wait in a queue of the service, of at most `queue` calls.
    """

    unary_threads: int = 32
    max_streams: int = 4000
    waiting: Set[str] = field(default_factory=frozenset)
    queueing: Set[str] = field(default_factory=frozenset)
    queue: int = 0
    streams_per_account: int = 8

    def is_short(self, method: Method) -> bool:
        """Returns whether calls of the method run on the `unary_threads`."""
        return self.type_of(method) == "unary"

    def type_of(self, method: Method) -> str:
        """Returns the method's label in metrics: unary; queueing; stream, also for a unary method that waits."""
        if method.is_streaming or method.path in self.waiting:
            return "stream"
        return "queueing" if method.path in self.queueing else "unary"


def interceptors(
    metrics: Metrics, authenticator: Authenticator, now: Callable[[], datetime.datetime], pool: Pool
) -> Sequence[Interceptor]:
    """Returns the interceptors from the outermost to the innermost."""
    return (
        CallContext(),
        Tracing(),
        metrics,
        ErrorMapping(),
        Deadline(),
        Authentication(authenticator, now),
        Access(now),
        Admission(pool.max_streams, pool.streams_per_account, pool.waiting),
        Decoding(),
    )


class Server:
    """The gRPC servers and the metrics server of a process. Its health follows `ready()`."""

    def __init__(
        self,
        service: ServiceDescriptor,
        listen: Listen,
        tls: TlsFiles,
        authenticator: Authenticator,
        now: Callable[[], datetime.datetime],
        ready: Callable[[], bool],
        pool: Pool,
        registry: CollectorRegistry,
    ) -> None:
        """Binds the ports. Raises RuntimeError or OSError if one is in use, OSError if a TLS file is missing."""
        threading.stack_size(THREAD_STACK_BYTES)
        self._service = service.full_name
        self._ready = ready
        self._is_serving = False
        self._ending_streams: list[Callable[[], None]] = []
        self._health = health.HealthServicer(experimental_non_blocking=True)
        # It is SERVING when it is created.
        self._set_health(False)
        self._waiting_calls = ElasticThreadPool(
            pool.max_streams + pool.queue + REFUSING_THREADS, "call-waiting"
        )
        # Short calls cost less on a fixed set of threads than on threads that are woken for each call.
        self._quick_calls = ThreadPoolExecutor(pool.unary_threads, "call")
        self._server = grpc.server(
            # grpc uses only its submit().
            cast("ThreadPoolExecutor", self._waiting_calls),
            options=OPTIONS,
        )
        self._operations = grpc.server(
            ThreadPoolExecutor(OPERATIONS_THREADS, thread_name_prefix="operations"), options=OPTIONS
        )
        around = interceptors(Metrics(registry, pool.type_of), authenticator, now, pool)
        self._registrar = InterceptingRegistrar(
            self._server,
            rules_of([service]),
            around,
            lambda method: self._quick_calls if pool.is_short(method) else None,
        )
        names = (self._service, health.SERVICE_NAME, reflection.SERVICE_NAME)
        for server in (self._server, self._operations):
            health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
            reflection.enable_server_reflection(names, server)
        self.port = self._server.add_secure_port(f"{listen.host}:{listen.port}", server_credentials(tls))
        self.operations_port = self._operations.add_secure_port(
            f"{listen.host}:{listen.operations_port}", server_credentials(tls)
        )
        registry.register(LAST_SUCCESS)
        registry.register(FAILURES)
        ProcessCollector(registry=registry)
        threads = Gauge(
            "grpc_server_threads", "Calls that can be answered at a time.", ("type",), registry=registry
        )
        threads.labels("unary").set(pool.unary_threads)
        threads.labels("queueing").set(pool.queue)
        threads.labels("stream").set(pool.max_streams)
        self._metrics = MetricsServer(listen.host, listen.metrics_port, tls, registry)
        self.metrics_port = self._metrics.port
        self._readiness = BackgroundLoop(
            "readiness", self._update_health, READINESS_SECONDS, most_retry_seconds=READINESS_SECONDS
        )

    def add(self, add_servicer: Callable[[Any, grpc.Server], None], servicer: object) -> None:
        """Registers `servicer` by its generated function `add_…Servicer_to_server`."""
        self._registrar.add(add_servicer, servicer)

    def ends_streams_by(self, end: Callable[[], None]) -> None:
        """Makes stop() call `end` before it waits for running calls, so that streams end with their own status."""
        self._ending_streams.append(end)

    def start(self) -> None:
        """Starts to answer, and to update the health every READINESS_SECONDS."""
        self._server.start()
        self._operations.start()
        self._metrics.start()
        self._readiness.start()
        _log.info("started", port=self.port, operations_port=self.operations_port)

    def stop(self, drain_seconds: float, grace_seconds: float = GRACE_SECONDS) -> None:
        """Sets the health to NOT_SERVING, waits `drain_seconds`, and ends the calls within `grace_seconds`.

        Idempotent.
        """
        self._health.enter_graceful_shutdown()
        time.sleep(drain_seconds)
        for end in self._ending_streams:
            end()
        self._server.stop(grace_seconds).wait()
        self._operations.stop(0).wait()
        self._waiting_calls.shutdown()
        self._quick_calls.shutdown(wait=False)
        self._readiness.stop()
        self._metrics.stop()

    def _update_health(self) -> float:
        """Sets the health by `ready()`, and returns the seconds until the next time."""
        is_ready = False
        try:
            # Soon, so that the gateway sends no calls that would wait for a database that does not answer.
            with answers_until(time.monotonic(), READINESS_ANSWER_SECONDS):
                is_ready = self._ready()
        finally:
            if is_ready != self._is_serving:
                _log.info("readiness", ready=is_ready)
                self._is_serving = is_ready
                self._set_health(is_ready)
        return READINESS_SECONDS if is_ready else READINESS_SECONDS / 5

    def _set_health(self, serving: bool) -> None:
        status = health_pb2.HealthCheckResponse
        for name in ("", self._service):
            self._health.set(name, status.SERVING if serving else status.NOT_SERVING)
