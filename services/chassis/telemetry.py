"""Logging as JSON lines, and tracing if a collector is configured."""

import logging
import os
import sys

import grpc
import structlog

from services.chassis import context as calls


def configure_logging(service: str, level: str) -> None:
    """Writes each log line of the process, those of libraries included, to standard output as a JSON object.

    Lines written during a call carry its request_id and method. `level` is "debug" to "error".
    """
    shared: list[structlog.typing.Processor] = [
        with_call,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _logger, _method, event: {**event, "service": service},
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # Tracebacks only: with the values of local variables they would hold secrets.
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # These write a line for each request or job, and the services log what is important themselves.
    for chatty in ("urllib3", "procrastinate", "alembic"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def with_call(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Returns `event` with the request_id and method of the current call, if there is one."""
    # Looked up when a line is written, because binding it would slow down the calls that write none.
    call = calls.answered()
    return event if call is None else {"request_id": call.request_id, "method": call.method, **event}


def tracing_interceptors(service: str) -> list[grpc.ServerInterceptor]:
    """Returns OpenTelemetry's interceptor if OTEL_EXPORTER_OTLP_ENDPOINT is set, otherwise an empty list."""
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return []
    # Imported here because it takes a third of a second, which a start without tracing can save.
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.instrumentation.grpc import server_interceptor  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": f"fastmp-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return [server_interceptor(tracer_provider=provider)]  # type: ignore[no-untyped-call]
