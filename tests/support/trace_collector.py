"""A collector of traces (OTLP over gRPC) that keeps what it is sent."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.trace.v1 import trace_pb2

from deploy.wechat_emulator.tls import TlsFiles

SERVER, CLIENT = trace_pb2.Span.SPAN_KIND_SERVER, trace_pb2.Span.SPAN_KIND_CLIENT


@dataclass(frozen=True)
class ReceivedSpan:
    """A span; ids are hexadecimal, and `parent_id` is empty for the first of a trace."""

    service: str
    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    has_failed: bool
    attributes: dict[str, str | int]


@dataclass
class TraceCollector:
    """`received` holds the exports as bytes; `endpoint` is for OTEL_EXPORTER_OTLP_ENDPOINT."""

    endpoint: str
    received: list[bytes] = field(default_factory=list)

    def spans(self, name: str = "") -> list[ReceivedSpan]:
        """All spans that were received, or those of this name."""
        exports = [pb.ExportTraceServiceRequest.FromString(export) for export in list(self.received)]
        found = [
            _read(span, resource.resource)
            for one in exports
            for resource in one.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        return [span for span in found if name in {"", span.name}]

    def services(self) -> set[str]:
        """The names of the services whose spans were received."""
        return {span.service for span in self.spans()}


def _read(span: Any, resource: Any) -> ReceivedSpan:
    return ReceivedSpan(
        service=str(_values(resource.attributes).get("service.name", "")),
        name=span.name,
        kind=span.kind,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        has_failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        attributes=_values(span.attributes),
    )


def _values(attributes: Any) -> dict[str, str | int]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextmanager
def collecting(tls: TlsFiles | None = None) -> Iterator[TraceCollector]:
    """A collector that answers while the block runs, by TLS with the files of make_throwaway_ca()."""
    server = grpc.server(ThreadPoolExecutor(2))
    if tls is None:
        collector = TraceCollector(f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
    else:
        pair = (tls.key.read_bytes(), tls.certificate.read_bytes())
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
        collector = TraceCollector(f"https://127.0.0.1:{port}")

    def export(request: bytes, _: grpc.ServicerContext) -> bytes:
        collector.received.append(request)
        return pb.ExportTraceServiceResponse().SerializeToString()

    handler: Any = grpc.unary_unary_rpc_method_handler(export)
    service = "opentelemetry.proto.collector.trace.v1.TraceService"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": handler}),))
    server.start()
    try:
        yield collector
    finally:
        server.stop(0).wait()
