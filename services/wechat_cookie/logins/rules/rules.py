"""What follows from what: (login, outcome of an exchange, now) → the login's next state and events. Pure."""

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

# In these no person is at the phone, so a login without watchers may end.
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
) -> Transition:
    """A new login, due immediately, with its first event."""
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
    )
    return write(blank, event, **at_stage)


def after(  # noqa: PLR0911 - each outcome is one case.
    state: LoginState, outcome: Outcome, now: datetime.datetime, limits: LoginLimits
) -> Transition | None:
    """What follows from `outcome`, the answer to `state.step`; None when nothing does, so nothing is written."""
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


def overtried(state: LoginState, now: datetime.datetime, limits: LoginLimits) -> Transition | None:
    """The end of a step that was begun too often; None while it may be taken.

    Only a step that kills the process taking it comes this far; it must not kill one replica after the other.
    """
    if state.attempt <= limits.most_attempts:
        return None
    if state.step is Step.DESCRIBE:
        return succeeded(state, now)
    return failed(state, Reason.LOGIN_INTERRUPTED if state.step is Step.FINISH else Reason.INTERNAL, now)


def still_wanted(outcome: Outcome, asked_for: Step, state: LoginState) -> bool:
    """Whether `outcome` is to be applied to `state` although another writer wrote meanwhile.

    WeChat gives a session out once, so it counts until the login has ended; and the QR code of a start
    belongs to a pending login of its own, so it is as good as that of any other start. A replacement is not:
    the newest one alone works.
    """
    return state.step is asked_for and (
        isinstance(outcome, FinishedLogin) or (isinstance(outcome, QrFetched) and asked_for is Step.START)
    )


def overdue(state: LoginState, now: datetime.datetime) -> Transition | None:
    """The end of a login whose time is over; None while it is not."""
    if state.step is None or state.deadline_at is None or now < state.deadline_at:
        return None
    unreached = state.step is Step.START
    return failed(state, Reason.WECHAT_UNREACHABLE if unreached else Reason.LOGIN_TIMEOUT, now)


def postponed(state: LoginState, now: datetime.datetime, limits: LoginLimits) -> Transition:
    """The step was not taken, and is due again after a pause."""
    return write(state, **again_in(state, limits.slowest_poll_seconds, now, counted=False))


def abandoned(state: LoginState, now: datetime.datetime) -> Transition | None:
    """The end of a login that has not been looked at for long; None if a person is at the phone."""
    if state.step is None or state.stage not in ABANDONABLE:
        return None
    return failed(state, Reason.LOGIN_TIMEOUT, now)


def ended(state: LoginState, reason: Reason, now: datetime.datetime) -> Transition | None:
    """The end of a login from outside: cancelled, or its account is gone. None if it has ended already."""
    return None if state.step is None else failed(state, reason, now)
