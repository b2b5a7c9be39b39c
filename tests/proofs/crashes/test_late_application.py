"""A code that is applied after a later code of the same account changes nothing, and neither does its deletion."""

import datetime

import psycopg

from deploy.local.stack import LocalStack
from tests.proofs.crashes.redemptions import FEED, Redemption, redeem
from tests.support.gateway_calls import GatewayCaller
from tests.support.held_locks import held_rows
from tests.support.ready_accounts import ReadyAccounts
from tests.support.serving import wait_until_served
from tests.support.waiting import wait_until

# Workers skip the jobs whose rows are locked.
WAITING_JOBS = "SELECT * FROM procrastinate_jobs WHERE status = 'todo' FOR UPDATE"
UNFINISHED_JOBS = "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"


def new_code(admin: GatewayCaller, valid_days: int) -> str:
    made = admin.post("/activation/generate", valid_days=valid_days, count=1)
    return str(made.body["codes"][0]["activation_code"])


def test_identity_dies_while_a_code_is_applied_and_another_is_redeemed_before_the_job_runs(
    stack: LocalStack, accounts: ReadyAccounts, admin: GatewayCaller
) -> None:
    [account] = accounts.make(1)
    older, newer = new_code(admin, 1), new_code(admin, 365)
    with (
        held_rows(stack.database_url("identity"), FEED) as feed_row,
        Redemption.send(stack, account, older) as redemption,
    ):
        feed_row.wait_for_waiters()
        with held_rows(stack.database_url("activation"), WAITING_JOBS):
            stack.process("identity").kill()
            feed_row.release()
            assert not redemption.answer.result().ok
            stack.restart("identity")
            wait_until_served(admin)
            given = redeem(stack, account, newer)
    assert given.ok, given

    def finished() -> bool:
        with psycopg.connect(stack.database_url("activation")) as database:
            return database.execute(UNFINISHED_JOBS).fetchone() == (0,)

    wait_until(finished, "the older code's job has run", 60)
    entries = admin.get("/admin/audit", target=account.id, action="activation_applied").body["items"]
    assert [entry["details"].get("superseded") for entry in entries] == ["yes", None]
    with GatewayCaller(stack.gateway_url, account.token) as caller:
        assert expiry(caller) == datetime.datetime.fromisoformat(given.body["expired_time"])
        assert redeem(stack, account, older).ok
        assert expiry(caller) == datetime.datetime.fromisoformat(given.body["expired_time"])
        assert admin.delete(f"/admin/activation/{older}").ok
        assert expiry(caller) == datetime.datetime.fromisoformat(given.body["expired_time"])


def expiry(caller: GatewayCaller) -> datetime.datetime:
    """Until when the account has access."""
    return datetime.datetime.fromisoformat(caller.get("/auth/me").body["expired_time"])
