"""The transitions from the confirmation to the end: the session is saved first, then its name and avatar."""

import datetime
from dataclasses import replace

from services.wechat_cookie.logins.rules.outcomes import Described
from services.wechat_cookie.logins.rules.stages import Reason, Stage
from services.wechat_cookie.logins.rules.state import LoginLimits, LoginState, Step
from services.wechat_cookie.logins.rules.transition import (
    Transition,
    again_in,
    backing_off,
    claim_now,
    failed,
    failed_by,
    polling,
    progress,
    succeeded,
    write,
)
from services.wechat_cookie.mp.errors import (
    MpError,
    NeedsVerificationError,
    NoRedirectError,
    UnreachableError,
)
from services.wechat_cookie.mp.results import FinishedLogin


def session_taken(
    state: LoginState, session: FinishedLogin, now: datetime.datetime, limits: LoginLimits
) -> Transition:
    """Returns the transition that saves the session in the same write."""
    event, at_stage = progress(Stage.SAVING)
    transition = write(
        state,
        event,
        **at_stage,
        **claim_now(Step.DESCRIBE, now, limits),
        cookies=session.cookies,
        token=session.token,
        home_path=session.home_path,
    )
    return replace(transition, session=session)


def described(state: LoginState, description: Described, now: datetime.datetime) -> Transition:
    """Returns the end of a login whose name and avatar were fetched."""
    return replace(succeeded(state, now), description=description)


def not_finished(
    state: LoginState, error: MpError, now: datetime.datetime, limits: LoginLimits
) -> Transition:
    """Returns the transition after the finishing step failed.

    WeChat may have sent its one-time answer, which is lost.
    """
    if _awaits_approval(state, error):
        event, at_stage = progress(Stage.WAITING_FOR_APPROVAL)
        deadline = state.started_at + datetime.timedelta(seconds=limits.login_seconds)
        return write(
            state, event, **at_stage, **polling(Step.ASK_APPROVAL, now, limits), deadline_at=deadline
        )
    doubtful = state.doubtful or error.maybe_processed
    if isinstance(error, UnreachableError) and _has_time(state, now, limits):
        # WeChat did not receive the request, so the session is still available.
        pause = again_in(state, limits.slowest_poll_seconds, now, counted=False)
        return write(state, **pause)
    if error.transient and state.attempt < limits.most_attempts:
        return write(state, **backing_off(state, now, limits), doubtful=doubtful)
    if state.doubtful and isinstance(error, NoRedirectError):
        return failed(state, Reason.LOGIN_INTERRUPTED, now)
    return failed_by(state, error, now)


def not_described(
    state: LoginState, error: MpError, now: datetime.datetime, limits: LoginLimits
) -> Transition:
    """Returns the transition after fetching name and avatar failed; the login succeeds without them."""
    if error.transient and state.attempt < limits.most_attempts:
        return write(state, **backing_off(state, now, limits))
    return succeeded(state, now)


def _awaits_approval(state: LoginState, error: MpError) -> bool:
    if not state.operator:
        return False
    if isinstance(error, NoRedirectError):
        # After a lost answer, a refusal means that the answer was sent; otherwise that an approval is missing.
        return error.ret == 0 or not (state.doubtful or error.transient)
    return isinstance(error, NeedsVerificationError)


def _has_time(state: LoginState, now: datetime.datetime, limits: LoginLimits) -> bool:
    return now < state.started_at + datetime.timedelta(seconds=limits.login_seconds)
