"""Makes spans by OpenTelemetry's SDK and exports them by OTLP over gRPC, in batches on a thread of its own."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import grpc
from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from services.chassis.tracing.settings import Collector
from services.chassis.tracing.spans import Attributes, Span

_PROPAGATOR = TraceContextTextMapPropagator()
_HEADER = "traceparent"


class OtlpTracer:
    """A tracer of the process whose spans a collector receives as those of the service fastmp-`service`."""

    def __init__(self, service: str, collector: Collector, share: float) -> None:
        """Of calls without a trace, `share` (0 to 1) are traced; others are traced if their callers are."""
        # Without shutdown_on_exit, which would wait for up to half a minute.
        self._provider = TracerProvider(
            ParentBasedTraceIdRatio(share),
            Resource.create({"service.name": f"fastmp-{service}"}),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(_exporter(collector)))
        self._tracer = self._provider.get_tracer("fastmp")

    def server(self, name: str, traceparent: str, attributes: Attributes) -> AbstractContextManager[Span]:
        return self._span(name, trace.SpanKind.SERVER, _context_of(traceparent), attributes)

    def client(self, name: str, attributes: Attributes) -> AbstractContextManager[Span]:
        return self._span(name, trace.SpanKind.CLIENT, None, attributes)

    @contextmanager
    def within(self, traceparent: str) -> Iterator[None]:
        token = contexts.attach(_context_of(traceparent))
        try:
            yield
        finally:
            contexts.detach(token)

    def traceparent(self) -> str | None:
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return carrier.get(_HEADER)

    def trace_id(self) -> str | None:
        found = trace.get_current_span().get_span_context()
        return trace.format_trace_id(found.trace_id) if found.is_valid else None

    def close(self, seconds: float) -> None:
        """Sends the remaining spans, and returns after at most `seconds`."""
        # The provider's own limits are 30 seconds.
        closing = threading.Thread(target=self._provider.shutdown, name="traces-flush", daemon=True)
        closing.start()
        closing.join(seconds)

    @contextmanager
    def _span(
        self, name: str, kind: trace.SpanKind, context: contexts.Context | None, attributes: Attributes
    ) -> Iterator[Span]:
        # The text of an exception may hold a value.
        with self._tracer.start_as_current_span(
            name, context, kind, attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            yield _OtlpSpan(span)


class _OtlpSpan:
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set(self, name: str, value: str | int) -> None:
        self._span.set_attribute(name, value)

    def failed(self, reason: str) -> None:
        self._span.set_status(trace.StatusCode.ERROR)
        self._span.set_attribute("error.type", reason)


def _context_of(traceparent: str) -> contexts.Context:
    return _PROPAGATOR.extract({_HEADER: traceparent}, contexts.Context())


def _exporter(collector: Collector) -> OTLPSpanExporter:
    authority = collector.authority_file
    host = f"[{collector.host}]" if ":" in collector.host else collector.host
    return OTLPSpanExporter(
        endpoint=f"{host}:{collector.port}",
        insecure=authority is None,
        credentials=None if authority is None else grpc.ssl_channel_credentials(authority.read_bytes()),
        # http_proxy of the environment is not for the operator's own collector.
        channel_options=(("grpc.enable_http_proxy", 0),),  # type: ignore[arg-type]
    )
