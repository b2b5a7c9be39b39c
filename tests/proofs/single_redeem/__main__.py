"""`make prove-single-redeem`: 256 accounts race for one code, over gRPC and REST; exactly one gets it."""

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack
from tests.proofs.single_redeem.rounds import run_round
from tests.proofs.single_redeem.verdict import Verdict
from tests.support.generous_limits import generous_environment
from tests.support.ready_accounts import ReadyAccounts

RACERS = 256
ROUNDS = 5
REPLICAS = {"identity": 2, "activation": 2}


def main() -> int:
    """The exit status: 0 only if every round has exactly one success and clean refusals for all others."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.single_redeem", description=__doc__)
    parser.add_argument("--racers", type=int, default=RACERS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    jwt_secret = secrets.token_urlsafe(48)
    print("starting PostgreSQL, two replicas each of Identity and Activation, and Envoy", flush=True)
    problems = 0
    with tempfile.TemporaryDirectory(prefix="fastmp-race-") as folder:
        settings = LocalSettings.side_by_side(Path(folder) / "state", jwt_secret=jwt_secret)
        with LocalStack(settings, replicas=REPLICAS, environment=generous_environment()) as stack:
            password = secrets.token_urlsafe(16)
            accounts = ReadyAccounts(stack.database_url("identity"), jwt_secret, password)
            for number in range(1, arguments.rounds + 1):
                verdict = run_round(stack, accounts, arguments.racers)
                _tell(number, arguments.racers, verdict)
                problems += len(verdict.problems)
    print(f"{arguments.rounds} rounds of {arguments.racers} racers: {problems} problems")
    return 1 if problems else 0


def _tell(number: int, racers: int, verdict: Verdict) -> None:
    print(
        f"round {number}: {racers} racers, {verdict.successes} success, {verdict.clean_refusals} clean refusals;"
        f" {verdict.began_before_first_end} calls had begun before the first was answered"
    )
    for (way, outcome), count in sorted(verdict.outcomes.items()):
        print(f"    {count:4} × {way}: {outcome}")
    for problem in verdict.problems or ["code, accounts and the winner's repeat agree"]:
        print(f"    {problem}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
