"""What a request to WeChat counts as."""

import pytest
from prometheus_client import CollectorRegistry

from services.wechat_cookie.mp.client import MpClient
from services.wechat_cookie.mp.errors import (
    AnswerTimeoutError,
    NoRedirectError,
    RateLimitedError,
    RefusedError,
)
from services.wechat_cookie.mp.metrics import KINDS, RequestMetrics


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> RequestMetrics:
    return RequestMetrics(registry)


def counted(registry: CollectorRegistry) -> set[tuple[str, str, str]]:
    """(kind, ret, outcome) of each counter that is not 0."""
    return {
        (sample.labels["kind"], sample.labels["ret"], sample.labels["outcome"])
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "wechat_requests_total" and sample.value
    }


@pytest.mark.parametrize(
    ("error", "ret", "outcome"),
    [
        (RateLimitedError(200013), "200013", "WECHAT_RATE_LIMITED"),
        # WeChat chooses the number, so it may not become a label.
        (RefusedError(123456), "other", "WECHAT_REFUSED"),
        (NoRedirectError(-1), "-1", "LOGIN_NO_REDIRECT"),
        (AnswerTimeoutError(), "none", "WECHAT_TIMEOUT"),
        (ZeroDivisionError(), "none", "INTERNAL"),
    ],
)
def test_a_failure_is_counted_by_its_ret_and_reason(
    registry: CollectorRegistry, metrics: RequestMetrics, error: Exception, ret: str, outcome: str
) -> None:
    with pytest.raises(type(error)), metrics.request("ask"):
        raise error
    assert counted(registry) == {("ask", ret, outcome)}
    assert registry.get_sample_value("wechat_request_seconds_count", {"kind": "ask"}) == 1


def test_the_first_rate_limit_is_an_increase(registry: CollectorRegistry, metrics: RequestMetrics) -> None:
    limited = {"kind": "list_articles", "ret": "200013", "outcome": "WECHAT_RATE_LIMITED"}
    assert registry.get_sample_value("wechat_requests_total", limited) == 0
    assert all(callable(getattr(MpClient, kind)) for kind in KINDS)


def test_a_success_is_counted_by_the_ret_of_its_answer(
    registry: CollectorRegistry, metrics: RequestMetrics
) -> None:
    with metrics.request("ask") as request:
        request.ret = 0
    with metrics.request("ask") as request:
        # The state of a pending login that has none of the meanings.
        request.ret = 77
    with metrics.request("visit"):
        pass
    assert counted(registry) == {("ask", "0", "ok"), ("ask", "other", "ok"), ("visit", "none", "ok")}
