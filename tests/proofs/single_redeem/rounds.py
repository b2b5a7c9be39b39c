"""Rounds of the race against one stack, over gRPC and REST at the same time."""

import contextlib
from collections.abc import Iterator

from deploy.local.stack import LocalStack
from tests.proofs.single_redeem.race import GRPC, REDEEMED, Finish, GrpcRacer, Racer, RestRacer, race
from tests.proofs.single_redeem.verdict import Verdict, judge
from tests.support.direct_calls import channels
from tests.support.gateway_calls import GatewayCaller
from tests.support.held_locks import held_rows
from tests.support.ready_accounts import ReadyAccount, ReadyAccounts

CHANNELS = 16
VALID_DAYS = 30
LOCK_CODE = "SELECT id FROM activation_codes WHERE activation_code = %s FOR UPDATE"


def run_round(stack: LocalStack, accounts: ReadyAccounts, racers: int) -> Verdict:
    """One race of `racers` new accounts on one new code: half of them over gRPC, half over REST.

    Afterwards the winner asks again the other way, and must get the same answer.
    """
    [admin] = accounts.make(1, role="admin")
    people = accounts.make(racers)
    with GatewayCaller(stack.gateway_url, admin.token) as caller, _racers(stack, people) as started:
        made = caller.post("/activation/generate", valid_days=VALID_DAYS, count=1)
        code = str(made.body["codes"][0]["activation_code"])
        with held_rows(stack.database_url("activation"), LOCK_CODE, code) as held:
            finishes = race(started, code, held)
        verdict = judge(finishes, code, caller)
        for winner in (finish for finish in finishes if finish.outcome == REDEEMED):
            verdict.problems.extend(_repeat(stack, winner, code))
    return verdict


@contextlib.contextmanager
def _racers(stack: LocalStack, people: list[ReadyAccount]) -> Iterator[list[Racer]]:
    """Half and half, each with its connection open and its token known to the service."""
    with contextlib.ExitStack() as held:
        open_channels = held.enter_context(channels(stack, "activation", CHANNELS))
        racers: list[Racer] = []
        for number, account in enumerate(people):
            if number % 2:
                racers.append(GrpcRacer(account, open_channels[number // 2 % CHANNELS]))
            else:
                caller = held.enter_context(GatewayCaller(stack.gateway_url, account.token))
                racers.append(RestRacer(account, caller))
        # A code that does not exist: what each racer does first opens its connection and gets the principal known.
        race(racers, "0" * 32)
        yield racers


def _repeat(stack: LocalStack, winner: Finish, code: str) -> list[str]:
    with contextlib.ExitStack() as held:
        again: Racer
        if winner.way == GRPC:
            again = RestRacer(
                winner.account, held.enter_context(GatewayCaller(stack.gateway_url, winner.account.token))
            )
        else:
            [channel] = held.enter_context(channels(stack, "activation", 1))
            again = GrpcRacer(winner.account, channel)
        outcome, expired_time = again.redeem(code)
    return (
        []
        if (outcome, expired_time) == (REDEEMED, winner.expired_time)
        else [f"the winner's repeat: {outcome}"]
    )
