"""Judges a race: one success, every other racer refused cleanly, and code and account agree on who has it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.proofs.single_redeem.race import REDEEMED, REFUSED, Finish
from tests.support.gateway_calls import GatewayCaller


@dataclass(frozen=True)
class Verdict:
    """What happened, in counts, and what should not have."""

    outcomes: Counter[tuple[str, str]]
    began_before_first_end: int
    problems: list[str]

    @property
    def successes(self) -> int:
        return sum(count for (_, outcome), count in self.outcomes.items() if outcome == REDEEMED)

    @property
    def clean_refusals(self) -> int:
        return sum(count for (way, outcome), count in self.outcomes.items() if outcome == REFUSED[way])


def judge(finishes: Sequence[Finish], code: str, admin: GatewayCaller) -> Verdict:
    """Asks the services, as an admin, what has become of the code and of every racer's account."""
    first_end = min(finish.ended for finish in finishes)
    verdict = Verdict(
        Counter((finish.way, finish.outcome) for finish in finishes),
        sum(finish.began < first_end for finish in finishes),
        [],
    )
    winners = [finish for finish in finishes if finish.outcome == REDEEMED]
    if len(winners) != 1:
        verdict.problems.append(f"{len(winners)} successes")
    if verdict.clean_refusals != len(finishes) - 1:
        verdict.problems.append(f"{verdict.clean_refusals} clean refusals of {len(finishes) - 1}")
    verdict.problems.extend(_disagreements(finishes, winners, code, admin))
    return verdict


def _disagreements(
    finishes: Sequence[Finish], winners: Sequence[Finish], code: str, admin: GatewayCaller
) -> list[str]:
    problems = []
    stored = admin.get(f"/admin/activation/{code}").body
    for winner in winners:
        account = admin.get(f"/admin/users/{winner.account.id}").body
        if (stored.get("user_email"), stored.get("activation_status")) != (winner.account.email, "active"):
            problems.append("the code is not the winner's")
        if account.get("activation_status") != "active":
            problems.append("the winner's account is not active")
        if not stored.get("expiry_date") == account.get("expired_time") == winner.expired_time:
            problems.append("code, account and answer name different ends")
    winning = {winner.account.id for winner in winners}
    for finish in finishes:
        if finish.account.id not in winning:
            account = admin.get(f"/admin/users/{finish.account.id}").body
            if account.get("activation_status") != "pending" or "expired_time" in account:
                problems.append("a loser's account has changed")
    return problems
