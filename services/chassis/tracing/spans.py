"""Spans of traces. Without a collector they are no-ops, and nothing of OpenTelemetry is imported.

Attributes are sent to the collector: they must hold no secret, no URL and no text of an exception.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

from services.chassis.tracing.settings import TracingSettings

# Those of a stopping process that are not sent within this time are lost.
FLUSH_SECONDS = 3.0

Attributes = Mapping[str, str | int]


class Span(Protocol):
    """A span that has begun."""

    def set(self, name: str, value: str | int) -> None:
        """Sets an attribute."""

    def failed(self, reason: str) -> None:
        """Marks the span as failed. `reason` is a fixed word."""


class Tracer(Protocol):
    """What makes and exports spans. Thread-safe."""

    def server(self, name: str, traceparent: str, attributes: Attributes) -> AbstractContextManager[Span]: ...
    def client(self, name: str, attributes: Attributes) -> AbstractContextManager[Span]: ...
    def within(self, traceparent: str) -> AbstractContextManager[None]: ...
    def traceparent(self) -> str | None: ...
    def trace_id(self) -> str | None: ...
    def close(self, seconds: float) -> None: ...


class _NoSpan:
    def set(self, name: str, value: str | int) -> None:
        """Does nothing."""

    def failed(self, reason: str) -> None:
        """Does nothing."""


class _Process:
    tracer: Tracer | None = None


_NO_SPAN: AbstractContextManager[Span] = nullcontext(_NoSpan())
_NOTHING: AbstractContextManager[None] = nullcontext()


@contextmanager
def exporting(service: str, settings: TracingSettings) -> Iterator[None]:
    """Makes the process export spans while the block runs, if a collector is set.

    The remaining spans are sent when the block ends, within FLUSH_SECONDS. A collector that does not answer neither
    delays nor fails what is traced: spans are dropped.
    """
    collector = settings.collector
    if collector is None:
        yield
        return
    # It takes a third of a second and 10 MB, which a process without a collector saves.
    from services.chassis.tracing.otlp import OtlpTracer  # noqa: PLC0415

    tracer = OtlpTracer(service, collector, settings.otel_traces_sampler_arg)
    _Process.tracer = tracer
    try:
        yield
    finally:
        _Process.tracer = None
        tracer.close(FLUSH_SECONDS)


def are_exported() -> bool:
    """Returns whether the process exports spans."""
    return _Process.tracer is not None


def server(name: str, traceparent: str, attributes: Attributes) -> AbstractContextManager[Span]:
    """Returns the span of a call that this process answers, as a child of the caller's, if `traceparent` names one.

    It is the current span of this thread within the block.
    """
    tracer = _Process.tracer
    return _NO_SPAN if tracer is None else tracer.server(name, traceparent, attributes)


def client(name: str, attributes: Attributes) -> AbstractContextManager[Span]:
    """Returns the span of an outgoing request, as a child of the current one. It is current within the block."""
    tracer = _Process.tracer
    return _NO_SPAN if tracer is None else tracer.client(name, attributes)


def within(traceparent: str | None) -> AbstractContextManager[None]:
    """Continues the trace of a traceparent() that was stored, in the block. Another thread or process may have
    stored it."""
    tracer = _Process.tracer
    return _NOTHING if tracer is None or traceparent is None else tracer.within(traceparent)


def traceparent() -> str | None:
    """Returns the W3C traceparent of the current span, or None without one."""
    tracer = _Process.tracer
    return None if tracer is None else tracer.traceparent()


def trace_id() -> str | None:
    """Returns the id of the current trace, 32 hexadecimal digits, or None without one."""
    tracer = _Process.tracer
    return None if tracer is None else tracer.trace_id()
