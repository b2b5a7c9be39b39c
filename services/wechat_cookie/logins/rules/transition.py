"""A write of a login: its next state, its events, and what else is written in the same transaction."""

import datetime
from dataclasses import dataclass, replace
from typing import Any

from services.chassis.language import Localized
from services.wechat_cookie.logins.rules import wording
from services.wechat_cookie.logins.rules.events import Event, Failed, Progressed, Succeeded
from services.wechat_cookie.logins.rules.outcomes import Described
from services.wechat_cookie.logins.rules.stages import Reason, Stage
from services.wechat_cookie.logins.rules.state import LoginLimits, LoginState, Step
from services.wechat_cookie.mp.cookies import MpCookies
from services.wechat_cookie.mp.errors import MpError
from services.wechat_cookie.mp.results import FinishedLogin

_WITHOUT_FAILURES = {"doubtful": False, "failing_since": None, "failure_told": False, "failed_part": None}


@dataclass(frozen=True)
class Transition:
    """A new `state` that replaces the version before it, together with `events`.

    `session` is to be saved as a cookie, `description` to be added to that cookie, in the same transaction.
    """

    state: LoginState
    events: tuple[Event, ...] = ()
    session: FinishedLogin | None = None
    description: Described | None = None


def write(state: LoginState, *events: Event, **changes: Any) -> Transition:
    """Returns a transition to the state with `changes` and the next version, with `events`."""
    after = replace(
        state, version=state.version + 1, last_sequence=state.last_sequence + len(events), **changes
    )
    return Transition(after, events)


def progress(stage: Stage, message: Localized | None = None) -> tuple[Progressed, dict[str, Any]]:
    """Returns the event of reaching `stage` and the corresponding changes of the state."""
    text = (message or wording.STAGES[stage]).zh
    return Progressed(stage, text), {"stage": stage, "message": text}


def claim_now(step: Step, now: datetime.datetime, limits: LoginLimits) -> dict[str, Any]:
    """Returns the changes that claim `step` for the caller, which must take it next.

    The lease excludes other replicas. When it expires, its holder is dead and another replica takes the step.
    """
    return {
        "step": step,
        "attempt": 1,
        "in_flight": True,
        **_WITHOUT_FAILURES,
        **_due(now, limits.lease_seconds, limits.lease_seconds),
    }


def polling(
    step: Step, now: datetime.datetime, limits: LoginLimits, quick_until: datetime.datetime | None = None
) -> dict[str, Any]:
    """Returns the changes that make `step`, a poll, due at intervals, for any replica.

    The interval is that after a scan up to `quick_until`.
    """
    seconds = limits.poll_seconds
    if quick_until is not None and now < quick_until:
        seconds = min(seconds, limits.scanned_poll_seconds)
    return {
        "step": step,
        "attempt": 0,
        "in_flight": False,
        "quick_until": quick_until,
        **_WITHOUT_FAILURES,
        **_due(now, seconds, seconds),
    }


def again_in(
    state: LoginState, seconds: float, now: datetime.datetime, *, counted: bool = True
) -> dict[str, Any]:
    """Returns the changes that retry the step after a pause; `counted` is whether this attempt counts."""
    attempt = state.attempt if counted else state.attempt - 1
    return {"in_flight": False, "attempt": attempt, **_due(now, seconds, state.claim_seconds)}


def backing_off(state: LoginState, now: datetime.datetime, limits: LoginLimits) -> dict[str, Any]:
    """Returns the changes that try the same step again after a pause that doubles with each attempt."""
    return again_in(state, limits.retry_seconds * 2 ** (state.attempt - 1), now)


def failed(state: LoginState, reason: Reason, now: datetime.datetime) -> Transition:
    """Returns the transition that ends the login without a cookie."""
    message = wording.failure(reason, state.failed_part).zh
    failed_part = state.failed_part if reason is Reason.WECHAT_UNREACHABLE else None
    event = Failed(reason, message, reason not in wording.NOT_RETRYABLE, failed_part)
    return write(state, event, stage=Stage.FAILED, reason=reason, message=message, **_ended(now))


def failed_by(state: LoginState, error: MpError, now: datetime.datetime) -> Transition:
    """Returns the transition that ends the login without a cookie because of `error`."""
    return failed(replace(state, failed_part=error.failed_part), Reason(error.login_failure), now)


def succeeded(state: LoginState, now: datetime.datetime) -> Transition:
    """Returns the transition that ends the login with its cookie."""
    changes = {"stage": Stage.SUCCEEDED, "message": wording.STAGES[Stage.SUCCEEDED].zh}
    return write(state, Succeeded(), **changes, **_ended(now))


def _due(now: datetime.datetime, seconds: float, claim_seconds: float) -> dict[str, Any]:
    return {"next_poll_at": now + datetime.timedelta(seconds=seconds), "claim_seconds": claim_seconds}


def _ended(now: datetime.datetime) -> dict[str, Any]:
    # Secrets are removed immediately; the row and the events stay for clients that still read them.
    return {
        "step": None,
        "next_poll_at": None,
        "deadline_at": None,
        "in_flight": False,
        "ended_at": now,
        "cookies": MpCookies(),
        "token": None,
        "home_path": None,
    }
