"""`make chaos`: a load on a whole stack, disturbed at random from a seed, then held against what was promised."""

import argparse
import contextlib
import secrets
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.proofs.chaos.breaking import NothingToBreakError, broken
from tests.proofs.chaos.invariants import INVARIANTS, Violation
from tests.proofs.chaos.record import Outcome
from tests.proofs.chaos.run import MEMBERS, Chaos, chaos
from tests.proofs.chaos.schedule import REPLICAS, Disturbance, schedule
from tests.proofs.failover.cluster import PatroniCluster

MOST_SHOWN = 10


def main() -> int:
    """The exit status: 0 only without a violation; with --break, only if exactly that one is found."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--break", dest="fault", choices=sorted(INVARIANTS), help="spoil this after the run")
    parser.add_argument("--patroni", action="store_true", help="on a PostgreSQL that fails over")
    arguments = parser.parse_args()
    planned = schedule(arguments.seed, arguments.seconds, fails_over=arguments.patroni)
    say(f"seed {arguments.seed}, {arguments.seconds:.0f} s, {MEMBERS} members, {len(planned)} disturbances")
    with (
        tempfile.TemporaryDirectory(prefix="fastmp-chaos-") as folder,
        PatroniCluster(Path(folder)) if arguments.patroni else contextlib.nullcontext() as cluster,
        chaos(Path(folder) / "state", REPLICAS, cluster=cluster) as running,
    ):
        say("two replicas of each service, PostgreSQL, Envoy and an emulated WeChat are up")
        running.disturbed(planned, seconds=arguments.seconds, seed=arguments.seed, report=say)
        say("everything that was disturbed is made good; waiting for rest")
        running.rest(say)
        found = running.check()
        print_counts(running, planned)
        print_violations(found, running)
        if found or arguments.fault is None:
            say(f"{len(found)} violations; repeat with SEED={arguments.seed} SECONDS={arguments.seconds:.0f}")
            return 1 if found else 0
        return show_fault(running, arguments.fault)


def show_fault(running: Chaos, name: str) -> int:
    """Spoils what one invariant is about; 0 if the checker finds that and nothing else."""
    try:
        found = broken(running.stack, running.record, name)
    except NothingToBreakError:
        say(f"the run left nothing to spoil for {name}")
        return 1
    say(f"with {name} spoilt on purpose:")
    print_violations(found, running)
    return 0 if {violation.invariant for violation in found} == {name} else 1


def print_counts(running: Chaos, planned: list[Disturbance]) -> None:
    """Disturbances and calls, in counts."""
    record = running.record
    for (kind, target), count in sorted(Counter((str(one.kind), one.target) for one in planned).items()):
        print(f"    {count:4} × {kind} {target}")
    for call in sorted({call for call, _ in record.calls}):
        counts = ", ".join(f"{record.calls[call, outcome]} {outcome}" for outcome in Outcome)
        print(f"    {call}: {counts}")
    print(f"    {running.late_applications()} codes were applied after one that was redeemed later")
    logins = [login for account in record.accounts.values() for login in account.logins]
    events, cuts = sum(len(login.events) for login in logins), sum(login.cuts for login in logins)
    print(f"    {len(logins)} logins with {events} events, picked up again {cuts} times")
    failures = Counter(login.failure for login in logins if login.failure)
    print(f"    logins that failed: {dict(failures)}")
    print(
        f"    {len(record.accounts)} accounts, {len(record.codes)} codes, {len(record.acquisitions)} hand-outs"
    )


def print_violations(found: list[Violation], running: Chaos) -> None:
    """Each invariant with what it found."""
    counts = Counter(violation.invariant for violation in found)
    for name in INVARIANTS:
        print(f"    {'VIOLATED' if counts[name] else 'holds'}: {name}")
        for violation in [one for one in found if one.invariant == name][:MOST_SHOWN]:
            print(f"        {violation.what}")
    if found:
        print(f"    until this ends the logs are in {running.stack.state_directory / 'logs'}", flush=True)


def say(sentence: str) -> None:
    """A line with the time of day."""
    print(f"{time.strftime('%H:%M:%S')}  {sentence}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
