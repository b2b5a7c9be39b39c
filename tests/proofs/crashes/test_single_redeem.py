"""The race for one code in small; `make prove-single-redeem` runs it with 256 racers."""

from deploy.local.stack import LocalStack
from tests.proofs.single_redeem.race import GRPC, REST, WAITING_AT_ONCE
from tests.proofs.single_redeem.rounds import run_round
from tests.support.ready_accounts import ReadyAccounts

RACERS = 48


def test_one_of_many_racers_gets_the_code(stack: LocalStack, accounts: ReadyAccounts) -> None:
    verdict = run_round(stack, accounts, RACERS)
    assert verdict.problems == []
    assert (verdict.successes, verdict.clean_refusals) == (1, RACERS - 1)
    # Both ways were in the race, and the calls met in the database.
    assert {way for way, _ in verdict.outcomes} == {GRPC, REST}
    assert verdict.began_before_first_end >= WAITING_AT_ONCE
