"""Traces begin at the gateway: what it sends to services and to the collector, and what it takes from callers."""

import datetime
from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy.wechat_emulator.tls import make_throwaway_ca
from tests.gateway.conftest import Gateway, StartGateway
from tests.gateway.stand_ins import StandIn
from tests.support.trace_collector import collecting
from tests.support.waiting import wait_until

TRACE = "0af7651916cd43dd8448eb211c80319c"
OUTSIDE = {
    "traceparent": f"00-{TRACE}-b7ad6b7169203331-01",
    "tracestate": "vendor=canary",
    "baggage": "canary=1",
    "x-client-trace-id": "canary",
}


def test_a_request_is_one_span_whose_trace_the_service_continues(
    start_gateway: StartGateway, services: Mapping[str, StandIn], tmp_path: Path
) -> None:
    tls = make_throwaway_ca(tmp_path, datetime.datetime.now(datetime.UTC))
    with collecting(tls) as collector:
        gateway: Gateway = start_gateway(
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, OTEL_EXPORTER_OTLP_CERTIFICATE=str(tls.ca)
        )
        gateway.get("/health", None)
        code = "c0de" * 8
        gateway.envoy.call("DELETE", f"/admin/activation/{code}?canary=canary", "t", headers=OUTSIDE)
        gateway.get("/cookie/list?canary=canary")
        gateway.get("/auth/me", headers=OUTSIDE)
        (sent,) = (one["traceparent"] for one in services["identity"].metadata)
        wait_until(lambda: len(collector.spans()) >= 3, "the gateway has exported its spans", 15)
    version, trace_id, span_id, flags = sent.split("-")
    assert (version, flags) == ("00", "01")
    # An outside caller does not choose the trace, nor does its header reach a service.
    assert trace_id != TRACE
    metadata = services["identity"].metadata[0]
    assert not {"baggage", "x-client-trace-id"} & set(metadata)
    assert metadata["tracestate"] == ""
    (span,) = (one for one in collector.spans() if one.trace_id == trace_id)
    assert (span.service, span.span_id, span.parent_id) == ("fastmp-gateway", span_id, "")
    assert span.name == "IdentityService.GetMe"
    # Nothing of the request is exported that may hold a secret; GET /health has no span.
    assert len(collector.spans()) == 3
    exported = b"".join(collector.received)
    for secret in (b"canary", code.encode(), b"Bearer", TRACE.encode(), b"/auth/me"):
        assert secret not in exported, secret
    wait_until(lambda: f'"trace_id":"{trace_id}"' in gateway.envoy.log.read_text(), "it is in the access log")


def test_without_a_collector_no_trace_context_reaches_a_service(
    gateway: Gateway, services: Mapping[str, StandIn]
) -> None:
    assert gateway.get("/auth/me", headers=OUTSIDE).status_code == 200
    assert not set(OUTSIDE) & set(services["identity"].metadata[0])


def test_a_collector_that_is_down_fails_no_call(start_gateway: StartGateway) -> None:
    # The port of nothing.
    gateway: Gateway = start_gateway(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert {gateway.get("/auth/me").status_code for _ in range(20)} == {200}


@pytest.mark.parametrize(("share", "flags"), [("0", "00"), ("1", "01")])
def test_the_gateway_decides_which_share_of_requests_is_traced(
    start_gateway: StartGateway, services: Mapping[str, StandIn], share: str, flags: str
) -> None:
    gateway: Gateway = start_gateway(
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", OTEL_TRACES_SAMPLER_ARG=share
    )
    gateway.get("/auth/me", headers=OUTSIDE)
    assert services["identity"].metadata[0]["traceparent"].endswith(f"-{flags}")
