"""A collector of traces (OTLP over gRPC) that keeps what it is sent, as it came."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc


@dataclass
class TraceCollector:
    """`received` holds the exports as bytes; `endpoint` is for OTEL_EXPORTER_OTLP_ENDPOINT."""

    endpoint: str
    received: list[bytes] = field(default_factory=list)

    def has_one_of(self, service_name: str) -> bool:
        """Whether a service of this name has sent something."""
        return any(service_name.encode() in export for export in self.received)


@contextmanager
def collecting() -> Iterator[TraceCollector]:
    """A collector that answers while the block runs."""
    server = grpc.server(ThreadPoolExecutor(2))
    port = server.add_insecure_port("127.0.0.1:0")
    collector = TraceCollector(f"http://127.0.0.1:{port}")

    def export(request: bytes, _: grpc.ServicerContext) -> bytes:
        collector.received.append(request)
        # An empty ExportTraceServiceResponse.
        return b""

    handler: Any = grpc.unary_unary_rpc_method_handler(export)
    service = "opentelemetry.proto.collector.trace.v1.TraceService"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": handler}),))
    server.start()
    try:
        yield collector
    finally:
        server.stop(0).wait()
