"""Transitions after polls: what happened on the phone, and what the administrator decided."""

import datetime
from dataclasses import replace

from services.wechat_cookie.logins.rules import preparing
from services.wechat_cookie.logins.rules.stages import Reason, Stage
from services.wechat_cookie.logins.rules.state import LoginLimits, LoginState, Step
from services.wechat_cookie.logins.rules.transition import (
    Transition,
    claim_now,
    failed,
    polling,
    progress,
    write,
)
from services.wechat_cookie.mp.cookies import MpCookies
from services.wechat_cookie.mp.results import Ask
from services.wechat_cookie.mp.statuses import ApprovalOutcome, ScanOutcome

_SCANNED = {
    ScanOutcome.SCANNED_CONFIRM: Stage.SCANNED,
    ScanOutcome.SCANNED_CHOOSE: Stage.CHOOSING_ACCOUNT,
    ScanOutcome.SCANNED_NO_ACCOUNT: Stage.NO_ACCOUNT,
}
_ENDS = {
    ScanOutcome.EMAIL_NOT_BOUND: Reason.EMAIL_NOT_BOUND,
    ScanOutcome.LOGIN_FAILED: Reason.LOGIN_REFUSED,
    ScanOutcome.BAD_SESSION: Reason.WECHAT_SESSION_INVALID,
}
_APPROVAL_ENDS = {
    ApprovalOutcome.REFUSED: Reason.APPROVAL_REFUSED,
    ApprovalOutcome.TIMED_OUT: Reason.APPROVAL_TIMEOUT,
    ApprovalOutcome.FAILED: Reason.LOGIN_REFUSED,
}
_CONFIRMATION_FOLLOWS = frozenset({Stage.SCANNED, Stage.CHOOSING_ACCOUNT})
# Stages without a confirmation in progress, in which an old QR code may be replaced.
_REPLACEABLE = frozenset({Stage.WAITING_FOR_SCAN, Stage.NO_ACCOUNT})
_OPERATOR = 1


def asked(state: LoginState, ask: Ask, now: datetime.datetime, limits: LoginLimits) -> Transition | None:
    """Returns the transition after a poll of the phone's state, or None if nothing changed."""
    if ask.outcome in _ENDS:
        return failed(state, _ENDS[ask.outcome], now)
    after = replace(state, cookies=ask.cookies)
    match ask.outcome:
        case ScanOutcome.CONFIRMED:
            return confirmed(replace(after, operator=ask.user_category == _OPERATOR), now, limits)
        case ScanOutcome.CANCELLED:
            return preparing.replace_cancelled(after, now, limits)
        case ScanOutcome.EXPIRED:
            return preparing.replace_expired(after, now, limits)
    # "Not scanned" does not undo a stage; WeChat's own page does not go back either.
    stage = _SCANNED.get(ask.outcome, state.stage)
    if _is_old(state, stage, now):
        return preparing.replace_expired(after, now, limits)
    return _answered(state, after, stage, now, limits)


def approval_asked(
    state: LoginState, approval: ApprovalOutcome, now: datetime.datetime, limits: LoginLimits
) -> Transition | None:
    """Returns the transition after the administrator's decision, or None if there is none yet."""
    if approval in _APPROVAL_ENDS:
        return failed(state, _APPROVAL_ENDS[approval], now)
    if approval is ApprovalOutcome.APPROVED:
        # From here on a failure of the last step does not mean that an approval is missing.
        return confirmed(replace(state, operator=False), now, limits)
    return _answered(state, state, state.stage, now, limits)


def confirmed(state: LoginState, now: datetime.datetime, limits: LoginLimits) -> Transition:
    """Returns the transition after all confirmations: the next step fetches the session and has no deadline."""
    event, at_stage = progress(Stage.CONFIRMED)
    return write(state, event, **at_stage, **claim_now(Step.FINISH, now, limits), deadline_at=None)


def _answered(
    before: LoginState, after: LoginState, stage: Stage, now: datetime.datetime, limits: LoginLimits
) -> Transition | None:
    moved = stage is not before.stage
    recovered = before.failing_since is not None
    same_cookies = after.cookies is before.cookies or _values(after.cookies) == _values(before.cookies)
    quick_until = before.quick_until
    if moved:
        quick = stage in _CONFIRMATION_FOLLOWS
        quick_until = now + datetime.timedelta(seconds=limits.scanned_seconds) if quick else None
    slows_down = quick_until is not None and now >= quick_until
    if before.step is None or (not moved and not recovered and same_cookies and not slows_down):
        return None
    goes_on = polling(before.step, now, limits, None if slows_down else quick_until)
    if not moved and not before.failure_told:
        return write(after, **goes_on)
    event, at_stage = progress(stage)
    return write(after, event, **at_stage, **goes_on)


def _is_old(state: LoginState, stage: Stage, now: datetime.datetime) -> bool:
    return (
        stage is state.stage
        and stage in _REPLACEABLE
        and state.qr_expire_at is not None
        and now >= state.qr_expire_at
        # A new QR code would be useless after the deadline.
        and (state.deadline_at is None or now < state.deadline_at)
    )


def _values(cookies: MpCookies) -> set[tuple[str, str, str, str]]:
    # Without expiry times: otherwise answers that only renew them would cause a write at every poll.
    return {(cookie.name, cookie.domain, cookie.path, cookie.value) for cookie in cookies}
