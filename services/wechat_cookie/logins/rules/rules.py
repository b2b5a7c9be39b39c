"""The login state machine: (login, outcome of an exchange, now) → next state and events. Pure functions."""

import datetime
import uuid

from services.wechat_cookie.logins.rules import finishing, polling, preparing, trouble
from services.wechat_cookie.logins.rules.outcomes import Described, Faulted, Outcome, QrFetched
from services.wechat_cookie.logins.rules.stages import Reason, Stage
from services.wechat_cookie.logins.rules.state import LoginLimits, LoginState, Step
from services.wechat_cookie.logins.rules.transition import (
    Transition,
    again_in,
    failed,
    progress,
    succeeded,
    write,
)
from services.wechat_cookie.mp.errors import MpError
from services.wechat_cookie.mp.results import Ask, FinishedLogin
from services.wechat_cookie.mp.statuses import ApprovalOutcome

# Stages in which a login without watchers may end, because no one has scanned the QR code.
ABANDONABLE = frozenset({Stage.PREPARING, Stage.WAITING_FOR_SCAN, Stage.NO_ACCOUNT})


def started(
    login_id: str,
    owner_id: uuid.UUID,
    owner_email: str,
    now: datetime.datetime,
    limits: LoginLimits,
    *,
    tokens_valid_after: int | None = None,
    access_until: datetime.datetime | None = None,
    request_id: str | None = None,
    traceparent: str | None = None,
) -> Transition:
    """Returns the transition that creates a login, due immediately, with its first event."""
    event, at_stage = progress(Stage.PREPARING)
    blank = LoginState(
        id=login_id,
        version=0,
        owner_id=owner_id,
        owner_email=owner_email,
        stage=Stage.PREPARING,
        step=Step.START,
        started_at=now,
        next_poll_at=now,
        claim_seconds=limits.start_lease_seconds,
        deadline_at=now + datetime.timedelta(seconds=limits.preparing_seconds),
        tokens_valid_after=tokens_valid_after,
        access_until=access_until,
        request_id=request_id,
        traceparent=traceparent,
    )
    return write(blank, event, **at_stage)


def after(  # noqa: PLR0911 - each outcome is one case.
    state: LoginState, outcome: Outcome, now: datetime.datetime, limits: LoginLimits
) -> Transition | None:
    """Returns the transition after `outcome`, the result of `state.step`, or None if nothing is to be written."""
    if state.step is None:
        return None
    match outcome:
        case QrFetched():
            return preparing.shown(state, outcome, now, limits)
        case Ask():
            return polling.asked(state, outcome, now, limits)
        case ApprovalOutcome():
            return polling.approval_asked(state, outcome, now, limits)
        case FinishedLogin():
            return finishing.session_taken(state, outcome, now, limits)
        case Described():
            return finishing.described(state, outcome, now)
        case MpError():
            return trouble.broken(state, outcome, now, limits)
        case Faulted():
            return failed(state, Reason.INTERNAL, now)


def attempts_exhausted(state: LoginState, now: datetime.datetime, limits: LoginLimits) -> Transition | None:
    """Returns the transition that ends a step without attempts left, or None if there are attempts left.

    This stops a step that crashes its process from crashing one replica after the other.
    """
    if state.attempt <= limits.most_attempts:
        return None
    if state.step is Step.DESCRIBE:
        return succeeded(state, now)
    return failed(state, Reason.LOGIN_INTERRUPTED if state.step is Step.FINISH else Reason.INTERNAL, now)


def still_applies(outcome: Outcome, asked_for: Step, state: LoginState) -> bool:
    """Returns whether `outcome` is to be applied to `state` although another writer has written meanwhile.

    WeChat returns a session once, so it is applied until the login has ended. The QR code of a start
    belongs to a pending login of its own, so it works as well as that of any other start. Of replacements
    only the newest works.
    """
    return state.step is asked_for and (
        isinstance(outcome, FinishedLogin) or (isinstance(outcome, QrFetched) and asked_for is Step.START)
    )


def overdue(state: LoginState, now: datetime.datetime) -> Transition | None:
    """Returns the transition that ends a login after its deadline, or None before the deadline."""
    if state.step is None or state.deadline_at is None or now < state.deadline_at:
        return None
    unreached = state.step is Step.START
    return failed(state, Reason.WECHAT_UNREACHABLE if unreached else Reason.LOGIN_TIMEOUT, now)


def postponed(state: LoginState, now: datetime.datetime, limits: LoginLimits) -> Transition:
    """Returns the transition that postpones a step that was not taken."""
    return write(state, **again_in(state, limits.slowest_poll_seconds, now, counted=False))


def abandoned(state: LoginState, now: datetime.datetime) -> Transition | None:
    """Returns the transition that ends an abandoned login, or None if the QR code has been scanned."""
    if state.step is None or state.stage not in ABANDONABLE:
        return None
    return failed(state, Reason.LOGIN_TIMEOUT, now)


def ended(state: LoginState, reason: Reason, now: datetime.datetime) -> Transition | None:
    """Returns the transition that ends a login for an external `reason`, or None if it has already ended."""
    return None if state.step is None else failed(state, reason, now)
