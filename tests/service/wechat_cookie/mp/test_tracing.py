"""Spans of the requests to WeChat: by kind, in the current trace, and nothing of a login in them."""

import inspect
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from deploy.wechat_emulator.fault_spec import Fault
from deploy.wechat_emulator.running import RunningEmulator
from services.chassis.tracing import spans
from services.chassis.tracing.settings import TracingSettings
from services.wechat_cookie.mp import errors
from services.wechat_cookie.mp.client import MpClient
from tests.service.wechat_cookie.mp.steps import confirmed_login, pending_login
from tests.support.trace_collector import CLIENT, TraceCollector, collecting

TRACE = "0af7651916cd43dd8448eb211c80319c"
LOGIN = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.fixture
def collector() -> Iterator[TraceCollector]:
    with collecting() as collector:
        yield collector


def exporting(collector: TraceCollector) -> AbstractContextManager[None]:
    return spans.exporting("wechat_cookie", TracingSettings(otel_exporter_otlp_endpoint=collector.endpoint))


def test_each_request_of_a_login_has_a_span_in_the_logins_trace(
    client: MpClient, emulator: RunningEmulator, collector: TraceCollector
) -> None:
    emulator.control.set_knobs(record_requests=True)
    with exporting(collector), spans.within(LOGIN):
        cookies, uuid = confirmed_login(client, emulator)
        login = client.finish_login(cookies)
        client.fetch_profile(login.cookies, login.token, login.home_path)
        client.logout(login.cookies, login.token)
    kinds = [span.attributes["wechat.request"] for span in collector.spans()]
    assert kinds[:3] == ["visit", "start_login", "fetch_qr_code"]
    assert kinds[-3:] == ["finish_login", "fetch_profile", "logout"]
    assert {(span.kind, span.trace_id, span.has_failed) for span in collector.spans()} == {
        (CLIENT, TRACE, False)
    }
    exported = b"".join(collector.received)
    for secret in (uuid, login.token, *emulator.control.sessions()[-1].cookies.values(), "cgi-bin"):
        assert secret.encode() not in exported
    # WeChat sees nothing of the trace.
    assert TRACE not in str(emulator.control.recorded_requests()).lower()


def test_a_failure_is_marked_with_its_reason(
    client: MpClient, emulator: RunningEmulator, collector: TraceCollector
) -> None:
    with exporting(collector):
        cookies, _ = pending_login(client)
        busy = '{"base_resp": {"ret": 200013}}'
        emulator.control.add_fault(Fault("/cgi-bin/scanloginqrcode?action=ask", "answer", body=busy))
        with pytest.raises(errors.RateLimitedError):
            client.ask(cookies)
    (span,) = collector.spans("WeChat ask")
    assert span.has_failed
    assert span.attributes["error.type"] == "WECHAT_RATE_LIMITED"
    assert span.attributes["wechat.ret"] == 200013


def test_every_request_is_traced() -> None:
    requests = {name for name, one in vars(MpClient).items() if inspect.isfunction(one) and name[0] != "_"}
    traced = {name for name in requests if hasattr(vars(MpClient)[name], "__wrapped__")}
    assert requests - traced == {"close"}
