"""An Activate that is cut before and after Activation's commit ends by itself: applied once, or not taken."""

import pytest

from deploy.local.stack import LocalStack
from tests.proofs.crashes.redemptions import APPLIED, CODE, FEED, NOT_TAKEN, Redemption, redeem
from tests.support.gateway_calls import GatewayCaller
from tests.support.held_locks import held_rows
from tests.support.ready_accounts import ReadyAccounts

# What may become of a call that was cut before the claim was committed. The database may have gone on without
# Activation, never without itself.
BEFORE_THE_COMMIT = {
    "activation": {APPLIED, NOT_TAKEN},
    "identity": {APPLIED},
    "postgres": {NOT_TAKEN},
    "gateway": {APPLIED},
}


@pytest.fixture
def codes(admin: GatewayCaller) -> list[str]:
    made = admin.post("/activation/generate", valid_days=30, count=2)
    return [str(code["activation_code"]) for code in made.body["codes"]]


@pytest.mark.parametrize("killed", BEFORE_THE_COMMIT)
def test_an_activate_that_is_cut_is_applied_once_or_not_taken(
    stack: LocalStack, accounts: ReadyAccounts, codes: list[str], killed: str
) -> None:
    first, second, stranger = accounts.make(3)
    with (
        held_rows(stack.database_url("activation"), CODE, codes[0]) as code_row,
        held_rows(stack.database_url("identity"), FEED) as feed_row,
        Redemption.send(stack, first, codes[0]) as before,
    ):
        code_row.wait_for_waiters()
        with Redemption.send(stack, second, codes[1]) as after:
            feed_row.wait_for_waiters()
            stack.process(killed).kill()
            code_row.release()
            feed_row.release()
            stack.restart(killed)
    assert after.outcome() == APPLIED
    assert before.outcome() in BEFORE_THE_COMMIT[killed]
    for redemption in (before, after):
        answer = redemption.answer.result()
        repeat = redeem(stack, redemption.account, redemption.code)
        assert repeat.ok, repeat
        # Callers that had an answer get it again, and those without one get one now.
        assert not answer.ok or answer.body == repeat.body
        assert redeem(stack, redemption.account, redemption.code).body == repeat.body
        assert redemption.outcome() == APPLIED
        assert redeem(stack, stranger, redemption.code).reason == "CODE_ALREADY_USED"


def test_the_work_of_a_dead_activation_is_done_while_identity_had_died_too(
    stack: LocalStack, accounts: ReadyAccounts, code: str
) -> None:
    [account] = accounts.make(1)
    with (
        held_rows(stack.database_url("identity"), FEED) as feed_row,
        Redemption.send(stack, account, code) as redemption,
    ):
        feed_row.wait_for_waiters()
        stack.process("identity").kill()
        stack.process("activation").kill()
        feed_row.release()
        stack.restart("activation")
        # From here on only the job can apply it.
        stack.restart("identity")
    assert not redemption.answer.result().ok
    assert redemption.outcome() == APPLIED
