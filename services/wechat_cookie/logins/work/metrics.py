"""Prometheus metrics of logins, counted as they happen."""

from prometheus_client import CollectorRegistry, Counter

from services.wechat_cookie.logins.rules.outcomes import Faulted, Outcome
from services.wechat_cookie.logins.rules.stages import Reason, Stage
from services.wechat_cookie.logins.rules.state import LoginState, Step
from services.wechat_cookie.mp.errors import MpError


class LoginMeasures:
    """Counts exchanges with WeChat by step and outcome, and logins by the stages reached and by their end."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._exchanges = Counter(
            "wechat_exchanges", "Exchanges with WeChat for logins.", ("step", "outcome"), registry=registry
        )
        self._stages = Counter(
            "wechat_login_stages", "Logins that have reached the stage.", ("stage",), registry=registry
        )
        self._ended = Counter(
            "wechat_logins_ended", "Logins that have ended.", ("reason",), registry=registry
        )
        # From 0 on, because Prometheus sees no increase in a counter that begins with 1.
        for reason in ("succeeded", *(one.value for one in Reason)):
            self._ended.labels(reason)
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

    def started(self, state: LoginState) -> None:
        """Counts the stage of a new login."""
        self._stages.labels(state.stage.value).inc()

    def advanced(self, before: LoginState, after: LoginState) -> None:
        """Counts the stage that a login has reached by a write, if it is another one."""
        if after.stage is not before.stage and after.stage is not Stage.FAILED:
            self._stages.labels(after.stage.value).inc()

    def ended(self, state: LoginState) -> None:
        """Counts an ended login."""
        self._ended.labels("succeeded" if state.reason is None else state.reason.value).inc()
