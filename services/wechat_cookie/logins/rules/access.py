"""Checks whether the account that started a login, or watches it, still has access."""

import datetime
from dataclasses import replace

from services.chassis.identity.principals import Principal
from services.wechat_cookie.logins.rules.stages import Reason
from services.wechat_cookie.logins.rules.state import LoginState, Step
from services.wechat_cookie.logins.rules.transition import Transition, failed, write


def account_end(owner: Principal) -> datetime.datetime | None:
    """Returns when the account's access expires, or None for never."""
    return None if owner.is_admin else owner.expired_time


def holds(tokens_valid_after: int | None, owner: Principal | None, now: datetime.datetime) -> bool:
    """Returns whether a caller still has access at `now`.

    `tokens_valid_after` is the account's value when the token was verified, `owner` the current account, or None
    if it was deleted.
    """
    if owner is None or not owner.has_access(now):
        return False
    if tokens_valid_after is None or owner.tokens_valid_after is None:
        # One of the two was written by a release that did not know the value.
        return True
    return owner.tokens_valid_after <= tokens_valid_after


def state_holds(state: LoginState, owner: Principal | None, now: datetime.datetime) -> bool:
    """Returns whether the account that started the login still has the access that it had then."""
    return holds(state.tokens_valid_after, owner, now)


def account_changed(state: LoginState, owner: Principal | None, now: datetime.datetime) -> Transition | None:
    """Returns the transition of a login whose account has changed to `owner`, or None if there is none.

    A login whose cookie is saved continues: only the cookie's name and picture are left to fetch.
    """
    if state.step is None or state.step is Step.DESCRIBE:
        return None
    if owner is None or not state_holds(state, owner, now):
        return failed(state, Reason.ACCESS_ENDED, now)
    end = account_end(owner)
    return None if end == state.access_until else write(replace(state, access_until=end))


def ended_by_time(state: LoginState, now: datetime.datetime) -> Transition | None:
    """Returns the end of a login whose account's access has expired, or None if it has not."""
    if state.step is None or state.step is Step.DESCRIBE:
        return None
    if state.access_until is None or now < state.access_until:
        return None
    return failed(state, Reason.ACCESS_ENDED, now)
