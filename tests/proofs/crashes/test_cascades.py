"""What a deletion takes with it goes exactly once, though the services that have it were dead at the time."""

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from tests.proofs.crashes.belongings import Belongings, log_in, rows
from tests.proofs.crashes.redemptions import CODE
from tests.support.gateway_calls import GatewayCaller
from tests.support.held_locks import held_rows
from tests.support.ready_accounts import ReadyAccount, ReadyAccounts
from tests.support.waiting import wait_until

OTHERS = ("activation", "wechat_cookie", "wechat_cookie-2")
NOTHING = (0, 0, 0, 0)
CURSOR = "SELECT sequence FROM feed_cursor"
HEAD = "SELECT sequence FROM account_feed"
STATUS = "SELECT activation_status FROM accounts WHERE id = %s"
COOKIES = "SELECT * FROM cookies WHERE owner_id = %s FOR UPDATE"
LATE_CODE = """
    INSERT INTO activation_codes (id, activation_code, user_email, account_id, activation_status, valid_days,
        expiry_date, activation_time, create_time, update_time)
    SELECT gen_random_uuid(), %s, 'late@example.com', %s, 'active', 1, t, t, t, t
    FROM (VALUES ('2040-01-01T00:00:00.000000Z')) AS v(t)
"""
CODES = "SELECT count(*) FROM activation_codes WHERE activation_code = %s"


@pytest.fixture
def owner(accounts: ReadyAccounts, stack: LocalStack, code: str) -> ReadyAccount:
    """An active account."""
    [account] = accounts.make(1)
    with GatewayCaller(stack.gateway_url, account.token) as caller:
        assert caller.post("/activation/activate", activation_code=code).ok
    return account


@pytest.fixture
def belongings(stack: LocalStack, owner: ReadyAccount, phone: EmulatorControl) -> Iterator[Belongings]:
    """The owner's code, two cookies with their folders, and a login that runs."""
    with GatewayCaller(stack.gateway_url, owner.token) as caller:
        belongings = Belongings(stack, owner, (log_in(caller, phone), log_in(caller, phone)))
        assert caller.get("/cookie/get").ok
        wait_until(lambda: belongings.all() == (1, 2, 2, 1), "everything is there")
        yield belongings


def kill(stack: LocalStack, *names: str) -> None:
    for name in names:
        stack.process(name).kill()


def start_again(stack: LocalStack, *names: str) -> None:
    for name in names:
        stack.restart(name)


def wait_until_followed(stack: LocalStack) -> None:
    """Returns when both services have dealt with everything that is in the feed."""
    head = rows(stack, "identity", HEAD)
    for service in ("activation", "wechat_cookie"):
        wait_until(lambda name=service: rows(stack, name, CURSOR) >= head, f"{service} has followed")  # type: ignore[misc]


def test_an_account_is_deleted_while_both_other_services_are_dead(
    stack: LocalStack, belongings: Belongings, admin: GatewayCaller, accounts: ReadyAccounts
) -> None:
    kill(stack, *OTHERS)
    assert admin.delete(f"/admin/users/{belongings.account.id}").ok
    # More happens meanwhile than this one deletion.
    accounts.make(20)
    assert belongings.all() == (1, 2, 2, 1)
    start_again(stack, *OTHERS)
    wait_until(lambda: belongings.all() == NOTHING, "everything of the account is gone", 30)

    # Exactly once: a second cascade of this deletion would take this code away, too.
    late = secrets.token_hex(16)
    rows(stack, "activation", LATE_CODE, late, belongings.account.id)
    wait_until_followed(stack)
    kill(stack, "activation")
    start_again(stack, "activation")
    assert admin.delete(f"/admin/users/{accounts.make(1)[0].id}").ok
    wait_until_followed(stack)
    assert rows(stack, "activation", CODES, late) == [(1,)]
    rows(stack, "activation", "DELETE FROM activation_codes WHERE activation_code = %s", late)


def test_a_cascade_is_cut_by_sigkill_in_its_middle(
    stack: LocalStack, belongings: Belongings, admin: GatewayCaller
) -> None:
    cursor = rows(stack, "wechat_cookie", CURSOR)
    with held_rows(stack.database_url("wechat_cookie"), COOKIES, belongings.account.id) as held:
        assert admin.delete(f"/admin/users/{belongings.account.id}").ok
        # Both replicas are at it: one deletes, the other waits for its word on the cursor.
        held.wait_for_waiters(2)
        kill(stack, "wechat_cookie", "wechat_cookie-2")
    # Cursor and cookies are of one transaction, so neither went without the other.
    assert belongings.cookies() == 2
    assert rows(stack, "wechat_cookie", CURSOR) == cursor
    start_again(stack, "wechat_cookie", "wechat_cookie-2")
    wait_until(lambda: belongings.all() == NOTHING, "everything of the account is gone", 30)
    wait_until_followed(stack)


def test_a_code_is_deleted_while_identity_is_dead(
    stack: LocalStack, owner: ReadyAccount, code: str, admin: GatewayCaller
) -> None:
    # Without Identity callers cannot be authenticated, so it dies while the call stands still in Activation.
    with (
        ThreadPoolExecutor(1) as pool,
        held_rows(stack.database_url("activation"), CODE, code) as held,
    ):
        deleting = pool.submit(admin.delete, f"/admin/activation/{code}")
        held.wait_for_waiters()
        kill(stack, "identity")
        held.release()
        assert deleting.result().ok
    assert rows(stack, "activation", CODES, code) == [(0,)]
    assert rows(stack, "identity", STATUS, owner.id) == [("active",)]
    start_again(stack, "identity")
    wait_until(
        lambda: rows(stack, "identity", STATUS, owner.id) == [("pending",)], "the account is reset", 40
    )
    account = admin.get(f"/admin/users/{owner.id}").body
    assert "expired_time" not in account
    with GatewayCaller(stack.gateway_url, owner.token) as caller:
        assert caller.post("/activation/activate", activation_code=code).reason == "CODE_NOT_FOUND"
