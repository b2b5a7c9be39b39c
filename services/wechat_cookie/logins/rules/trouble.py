"""Transitions after failed exchanges with WeChat: retry, report, or fail."""

import datetime
from typing import Any

from services.wechat_cookie.logins.rules import wording
from services.wechat_cookie.logins.rules.events import Event
from services.wechat_cookie.logins.rules.finishing import not_described, not_finished
from services.wechat_cookie.logins.rules.stages import Reason
from services.wechat_cookie.logins.rules.state import POLLS, LoginLimits, LoginState, Step
from services.wechat_cookie.logins.rules.transition import (
    Transition,
    again_in,
    backing_off,
    failed_by,
    progress,
    write,
)
from services.wechat_cookie.mp.errors import MpError


def broken(
    state: LoginState, error: MpError, now: datetime.datetime, limits: LoginLimits
) -> Transition | None:
    """Returns the transition after `error`, or None if it continues a run of failures that is already recorded."""
    if state.step is Step.FINISH:
        return not_finished(state, error, now, limits)
    if state.step is Step.DESCRIBE:
        return not_described(state, error, now, limits)
    if state.step in POLLS and error.transient:
        return _poll_failed(state, now, limits)
    return _not_asked(state, error, now, limits)


def _not_asked(state: LoginState, error: MpError, now: datetime.datetime, limits: LoginLimits) -> Transition:
    if state.step is Step.REPLACE_QR and error.login_failure == Reason.WECHAT_UNREACHABLE:
        # As with a poll, only the login's deadline ends a run of these.
        events, changes = _failing(state, now, limits)
        pause = again_in(state, limits.slowest_poll_seconds, now, counted=False)
        return write(state, *events, **changes, **pause)
    if error.transient and state.attempt < limits.most_attempts:
        return write(state, **backing_off(state, now, limits), failed_part=error.failed_part)
    return failed_by(state, error, now)


def _poll_failed(state: LoginState, now: datetime.datetime, limits: LoginLimits) -> Transition | None:
    events, changes = _failing(state, now, limits)
    slower = min(state.claim_seconds * 2, limits.slowest_poll_seconds)
    if slower > state.claim_seconds:
        changes["claim_seconds"] = slower
    if not changes:
        return None
    due = now + datetime.timedelta(seconds=slower)
    return write(state, *events, **changes, next_poll_at=due)


def _failing(
    state: LoginState, now: datetime.datetime, limits: LoginLimits
) -> tuple[tuple[Event, ...], dict[str, Any]]:
    if state.failing_since is None:
        return (), {"failing_since": now}
    long = now - state.failing_since >= datetime.timedelta(seconds=limits.hard_to_reach_seconds)
    if state.failure_told or not long:
        return (), {}
    event, at_stage = progress(state.stage, wording.HARD_TO_REACH)
    return (event,), {**at_stage, "failure_told": True}
