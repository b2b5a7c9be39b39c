"""Prometheus metrics of logins. Each exchange increments one counter."""

from prometheus_client import CollectorRegistry, Counter

from services.wechat_cookie.logins.rules.outcomes import Faulted, Outcome
from services.wechat_cookie.logins.rules.state import LoginState, Step
from services.wechat_cookie.mp.errors import MpError


class LoginMeasures:
    """Counts exchanges with WeChat by step and outcome, and ended logins by reason."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._exchanges = Counter(
            "wechat_exchanges", "Exchanges with WeChat for logins.", ("step", "outcome"), registry=registry
        )
        self._ended = Counter(
            "wechat_logins_ended", "Logins that have ended.", ("reason",), registry=registry
        )
        # Looking a labelled child up takes a lock; those that count every poll are looked up once.
        self._answered = {step: self._exchanges.labels(step.value, "ok") for step in Step}

    def exchanged(self, step: Step, outcome: Outcome) -> None:
        """Counts an exchange."""
        if isinstance(outcome, MpError):
            self._exchanges.labels(step.value, outcome.reason).inc()
        elif isinstance(outcome, Faulted):
            self._exchanges.labels(step.value, "INTERNAL").inc()
        else:
            self._answered[step].inc()

    def ended(self, state: LoginState) -> None:
        """Counts an ended login."""
        self._ended.labels("succeeded" if state.reason is None else state.reason.value).inc()
