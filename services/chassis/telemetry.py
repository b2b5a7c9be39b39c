"""Logging as JSON lines."""

import logging
import sys

import structlog

from services.chassis import context as calls
from services.chassis.tracing import spans


def configure_logging(service: str, level: str) -> None:
    """Writes each log line of the process, those of libraries included, to standard output as a JSON object.

    Lines written during a call carry its request_id and method, those within a trace its trace_id. `level` is
    "debug" to "error".
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
    """Returns `event` with the request_id and method of the current call and the current trace_id, if any."""
    # Looked up when a line is written, because binding it would slow down the calls that write none.
    call, trace_id = calls.answered(), spans.trace_id()
    if call is not None:
        event = {"request_id": call.request_id, "method": call.method, **event}
    return event if trace_id is None else {"trace_id": trace_id, **event}
