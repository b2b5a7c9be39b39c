"""Transitions for QR codes: the first one and its replacements."""

import datetime
from dataclasses import replace

from services.chassis.language import Localized
from services.wechat_cookie.logins.rules import wording
from services.wechat_cookie.logins.rules.events import QrShown
from services.wechat_cookie.logins.rules.outcomes import QrFetched
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


def shown(state: LoginState, qr: QrFetched, now: datetime.datetime, limits: LoginLimits) -> Transition:
    """Returns the transition that publishes a QR code and starts polling the phone's state."""
    deadline = state.started_at + datetime.timedelta(seconds=limits.login_seconds)
    expire_at = min(now + datetime.timedelta(seconds=limits.qr_seconds), deadline)
    event, at_stage = progress(Stage.WAITING_FOR_SCAN)
    return write(
        state,
        QrShown(qr.image, qr.url, expire_at, state.refresh_count),
        event,
        **at_stage,
        **polling(Step.ASK, now, limits),
        cookies=qr.cookies,
        qr_expire_at=expire_at,
        deadline_at=deadline,
    )


def replace_expired(state: LoginState, now: datetime.datetime, limits: LoginLimits) -> Transition:
    """Replaces an expired QR code, at most `most_refreshes` times; then the login fails."""
    if state.refresh_count >= limits.most_refreshes:
        return failed(state, Reason.QR_EXPIRED, now)
    counted = replace(state, refresh_count=state.refresh_count + 1)
    return _replace(counted, wording.QR_EXPIRED_REPLACING, now, limits)


def replace_cancelled(state: LoginState, now: datetime.datetime, limits: LoginLimits) -> Transition:
    """Replaces a cancelled QR code. The refresh count restarts, because someone is using the phone."""
    return _replace(replace(state, refresh_count=0), wording.QR_CANCELLED_REPLACING, now, limits)


def _replace(
    state: LoginState, message: Localized, now: datetime.datetime, limits: LoginLimits
) -> Transition:
    event, at_stage = progress(Stage.PREPARING, message)
    return write(state, event, **at_stage, **claim_now(Step.REPLACE_QR, now, limits))
