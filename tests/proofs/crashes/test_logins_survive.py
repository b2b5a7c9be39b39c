"""Logins go on while replicas of WeChatCookie are killed and PostgreSQL is restarted."""

from typing import Any

import pytest

from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from tests.proofs.crashes.belongings import rows
from tests.proofs.logins_survive.survival import REPLICAS, survive
from tests.support.held_locks import held_rows
from tests.support.login_watchers import LoginWatcher, WatchedLogin
from tests.support.ready_accounts import ReadyAccounts
from tests.support.waiting import wait_until

LOGINS = 60
KILLS = 5
SEED = 60
# What a session waits for before it is saved: the other changes of its owner's cookies.
OWNER = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))"
COOKIES = "SELECT count(*) FROM cookies WHERE owner_id = %s"


@pytest.mark.timeout(300)
def test_every_login_ends_once_and_every_confirmed_one_is_a_cookie(
    stack: LocalStack, accounts: ReadyAccounts
) -> None:
    # Admins need no code to log an official account in.
    survival = survive(stack, accounts.make(LOGINS, role="admin"), SEED, KILLS)
    assert survival.problems == []
    assert survival.succeeded + survival.interrupted == LOGINS
    # A kill hits few logins between WeChat's answer and the commit, if any.
    assert survival.succeeded >= LOGINS * 0.8
    assert (survival.kills, survival.postgres_restarts) == (KILLS, 1)
    # Streams were really cut.
    assert survival.attached_again >= LOGINS / 2


@pytest.mark.timeout(300)
def test_a_kill_between_wechats_one_answer_and_the_commit_ends_in_a_clear_failure(
    stack: LocalStack, accounts: ReadyAccounts, phone: EmulatorControl
) -> None:
    [owner] = accounts.make(1, role="admin")
    shown: list[str] = []

    def look(_login: WatchedLogin, event: dict[str, Any]) -> None:
        if "qr_code" in event:
            shown.append(str(event["qr_code"]["url"]))

    watcher = LoginWatcher(stack.gateway_url, owner.token, look, seconds=120)
    watcher.start()
    wait_until(lambda: shown, "the QR code is shown")
    with held_rows(stack.database_url("wechat_cookie"), OWNER, owner.id) as held:
        phone.scan_and_confirm(shown[0])
        held.wait_for_waiters()
        assert phone.login(shown[0]).stage == "logged_in"
        for replica in REPLICAS:
            stack.process(replica).kill()
    for replica in REPLICAS:
        stack.restart(replica)
    login = watcher.join()
    assert login.is_whole
    assert login.failure == "LOGIN_INTERRUPTED"
    assert rows(stack, "wechat_cookie", COOKIES, owner.id) == [(0,)]
