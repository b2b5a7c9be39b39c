"""Logins go on while replicas of WeChatCookie are killed and PostgreSQL is restarted."""

import pytest

from deploy.local.stack import LocalStack
from tests.logins_survive.survival import survive
from tests.ready_accounts import ReadyAccounts

LOGINS = 60
SECONDS = 15
SEED = 60


@pytest.mark.timeout(300)
def test_every_login_ends_once_and_every_confirmed_one_is_a_cookie(
    stack: LocalStack, accounts: ReadyAccounts
) -> None:
    # Admins need no code to log an official account in.
    survival = survive(stack, accounts.make(LOGINS, role="admin"), SEED, SECONDS)
    assert survival.problems == []
    assert survival.succeeded + survival.interrupted == LOGINS
    # A kill hits few logins between WeChat's answer and the commit, if any.
    assert survival.succeeded >= LOGINS * 0.8
    assert survival.kills >= 3
    assert survival.postgres_restarts == 1
    # Streams were really cut.
    assert survival.attached_again >= LOGINS / 2
