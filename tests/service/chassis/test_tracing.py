"""Spans of calls: one trace over several services, nothing secret in it, and no harm by a collector that fails."""

import datetime
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest

from deploy.wechat_emulator.tls import make_throwaway_ca
from fastmp.identity.v1 import identity_service_pb2 as pb
from fastmp.identity.v1 import identity_service_pb2_grpc as pb_grpc
from services.chassis import telemetry
from services.chassis.channels import channel
from services.chassis.errors import InvalidArgumentError
from services.chassis.tracing import spans
from services.chassis.tracing.settings import TracingSettings
from tests.service.chassis.conftest import Running
from tests.support.trace_collector import CLIENT, SERVER, TraceCollector, collecting
from tests.support.waiting import wait_until

METHODS = "fastmp.identity.v1.IdentityService"
TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLERS_SPAN = "b7ad6b7169203331"
TRACEPARENT = (("traceparent", f"00-{TRACE}-{CALLERS_SPAN}-01"),)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[TraceCollector]:
    """Spans are exported to it; before `running`, because a server decides when it is built."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    with collecting() as collector:
        settings = TracingSettings(otel_exporter_otlp_endpoint=collector.endpoint)
        with spans.exporting("identity", settings):
            yield collector


def received(collector: TraceCollector, count: int) -> None:
    wait_until(lambda: len(collector.spans()) >= count, f"{count} spans have been exported")


def test_a_call_through_two_services_is_one_trace(collector: TraceCollector, running: Running) -> None:
    lines = []
    with closing(
        channel(f"127.0.0.1:{running.server.port}", "identity", running.certificates["activation"])
    ) as outgoing:
        stub = pb_grpc.IdentityServiceStub(outgoing)

        def outer(_request: Any, _context: grpc.ServicerContext) -> pb.Account:
            lines.append(telemetry.with_call(None, "info", {"event": "seen"}))
            running.servicer.do = lambda _request, _context: pb.AuthenticateResponse()
            stub.Authenticate(pb.AuthenticateRequest(token="t"), timeout=10)
            return pb.Account()

        running.servicer.do = outer
        metadata = (*TRACEPARENT, ("x-request-id", "abcdefgh"))
        running.stub().Register(pb.RegisterRequest(), timeout=10, metadata=metadata)
    received(collector, 3)
    (register,) = collector.spans(f"{METHODS}/Register")
    sent, answered = sorted(collector.spans(f"{METHODS}/Authenticate"), key=lambda span: -span.kind)
    assert [register.kind, sent.kind, answered.kind] == [SERVER, CLIENT, SERVER]
    assert [register.parent_id, sent.parent_id, answered.parent_id] == [
        CALLERS_SPAN,
        register.span_id,
        sent.span_id,
    ]
    # The exporter's own calls have no span.
    assert {(span.trace_id, span.service) for span in collector.spans()} == {(TRACE, "fastmp-identity")}
    assert register.attributes["fastmp.request_id"] == "abcdefgh"
    assert [line["trace_id"] for line in lines] == [TRACE]
    assert "trace_id" not in telemetry.with_call(None, "info", {"event": "seen"})


def test_a_call_runs_on_the_same_threads_as_without_traces(
    collector: TraceCollector, running: Running
) -> None:
    threads = []

    def do(_request: Any, _context: grpc.ServicerContext) -> pb.Account:
        threads.append(threading.current_thread().name)
        return pb.Account()

    running.servicer.do = do
    running.stub().Register(pb.RegisterRequest(), timeout=10)
    assert threads[0].startswith("call_")


def test_a_fault_and_a_refusal_are_marked_without_their_texts(
    collector: TraceCollector, running: Running
) -> None:
    for error in (ZeroDivisionError("canary"), InvalidArgumentError()):

        def do(_request: Any, _context: grpc.ServicerContext, error: Exception = error) -> pb.Account:
            raise error

        running.servicer.do = do
        with pytest.raises(grpc.RpcError):
            running.stub().Register(pb.RegisterRequest(password="canary"), timeout=10)
    received(collector, 2)
    ended = {span.attributes["rpc.grpc.status_code"]: span for span in collector.spans()}
    assert {code: span.has_failed for code, span in ended.items()} == {13: True, 3: False}
    assert b"canary" not in b"".join(collector.received)


@pytest.mark.parametrize("sent", ["", "nonsense", f"00-{'0' * 32}-{CALLERS_SPAN}-01", "0" * 4000])
def test_what_is_no_traceparent_begins_a_trace(
    collector: TraceCollector, running: Running, sent: str
) -> None:
    running.servicer.do = lambda _request, _context: pb.Account()
    running.stub().Register(pb.RegisterRequest(), timeout=10, metadata=(("traceparent", sent),))
    received(collector, 1)
    (span,) = collector.spans()
    assert span.parent_id == ""
    assert int(span.trace_id, 16)


def test_what_the_caller_does_not_trace_is_not_traced(collector: TraceCollector, running: Running) -> None:
    running.servicer.do = lambda _request, _context: pb.Account()
    unsampled = (("traceparent", f"00-{TRACE}-{CALLERS_SPAN}-00"),)
    running.stub().Register(pb.RegisterRequest(), timeout=10, metadata=unsampled)
    running.stub().Register(pb.RegisterRequest(), timeout=10)
    received(collector, 1)
    assert TRACE not in {span.trace_id for span in collector.spans()}


def test_a_stream_has_one_span_until_its_end(collector: TraceCollector, running: Running) -> None:
    running.servicer.do = lambda _request, _context: iter([pb.AccountEvent()] * 3)
    stub = running.stub("activation")
    assert len(list(stub.WatchAccounts(pb.WatchAccountsRequest(), timeout=10))) == 3
    received(collector, 1)
    (span,) = collector.spans()
    assert (span.name, span.attributes["rpc.grpc.status_code"]) == (f"{METHODS}/WatchAccounts", 0)


@pytest.fixture
def silent_collector() -> Iterator[str]:
    """One that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_collector_that_does_not_answer_fails_no_call_and_delays_no_stop(
    silent_collector: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    # A queue of three spans, so that it is full.
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "3")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")
    monkeypatch.setattr(spans, "FLUSH_SECONDS", 0.5)
    with spans.exporting("identity", TracingSettings(otel_exporter_otlp_endpoint=silent_collector)):
        running: Running = request.getfixturevalue("running")
        running.servicer.do = lambda _request, _context: pb.Account()
        stub = running.stub()
        with ThreadPoolExecutor(4) as callers:
            answers = callers.map(
                lambda _: stub.Register(pb.RegisterRequest(), timeout=10, metadata=TRACEPARENT), range(40)
            )
            assert len(list(answers)) == 40
        stopping = time.monotonic()
    # An export's own time limit is 10 seconds.
    assert time.monotonic() - stopping < 5


@pytest.mark.parametrize("by_tls", [False, True])
def test_spans_that_remain_are_sent_at_the_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, by_tls: bool
) -> None:
    # Longer than the test.
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "60000")
    tls = make_throwaway_ca(tmp_path, datetime.datetime.now(datetime.UTC))
    with collecting(tls if by_tls else None) as collector:
        settings = TracingSettings(
            otel_exporter_otlp_endpoint=collector.endpoint, otel_exporter_otlp_certificate=tls.ca
        )
        with spans.exporting("identity", settings), spans.client("last", {}):
            assert spans.trace_id() is not None
        assert [span.name for span in collector.spans()] == ["last"]
    assert spans.trace_id() is None
