"""Prometheus metrics of requests to WeChat."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram

from services.wechat_cookie.mp.answers import KNOWN_RETS, RATE_LIMITED_RET
from services.wechat_cookie.mp.errors import MpError, RateLimitedError

# Of requests whose answer has no `ret`, or that have no answer.
NO_RET = "none"
# The kinds of requests: methods of MpClient.
KINDS = (
    *("visit", "start_login", "fetch_qr_code", "ask", "ask_approval", "finish_login", "fetch_profile"),
    *("fetch_avatar", "search_accounts", "list_articles", "logout"),
)


@dataclass
class MeasuredRequest:
    """One request; the client sets `ret` when it has parsed the answer."""

    ret: int | None = None


class RequestMetrics:
    """Counts requests by kind, `ret` and outcome, and times them by kind. Thread-safe."""

    def __init__(self, registry: CollectorRegistry | None) -> None:
        self._requests = Counter(
            "wechat_requests",
            "Requests to WeChat. `ret` is WeChat's result, `outcome` is ok or the reason of the failure.",
            ("kind", "ret", "outcome"),
            registry=registry,
        )
        # From 0 on, because Prometheus sees no increase in a counter that begins with 1, and one is worth an alert.
        limited = (str(RATE_LIMITED_RET), RateLimitedError.reason)
        for kind in KINDS:
            self._requests.labels(kind, *limited)
        self._seconds = Histogram(
            "wechat_request_seconds", "Time of a request to WeChat.", ("kind",), registry=registry
        )

    @contextmanager
    def request(self, kind: str) -> Iterator[MeasuredRequest]:
        """Counts and times the block as a request of `kind`; an MpError that it raises is the outcome."""
        request = MeasuredRequest()
        outcome = "INTERNAL"
        start = time.perf_counter()
        try:
            yield request
            outcome = "ok"
        except MpError as error:
            request.ret = getattr(error, "ret", request.ret)
            outcome = error.reason
            raise
        finally:
            self._seconds.labels(kind).observe(time.perf_counter() - start)
            self._requests.labels(kind, _label(request.ret), outcome).inc()


def _label(ret: int | None) -> str:
    """Returns the label of a `ret`. WeChat may send any number, so those without a meaning share one label."""
    if ret is None:
        return NO_RET
    return str(ret) if ret in KNOWN_RETS else "other"
