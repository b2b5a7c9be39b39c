"""`python -m tests.proofs.fuzz [--runs N] [--calls N] [--seed N]`: fuzzes the command line and a stack of its own.

It prints what it did, and the seed that repeats it.
"""

import argparse
import secrets
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack
from tests.proofs.fuzz import command_line
from tests.proofs.fuzz.campaign import FuzzFoundError, campaign
from tests.proofs.fuzz.command_line import CommandLineFuzzError
from tests.support.generous_limits import generous_environment
from tests.whole_stack.people import People


def report(calls: int) -> None:
    """A line now and then, for the person who waits."""
    if calls % 1000 == 0:
        print(f"{calls} calls", flush=True)


def main() -> int:
    """The exit status: 0 when every call was answered as it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}: repeat with make fuzz SEED={arguments.seed}", flush=True)
    start = time.monotonic()
    try:
        codes = command_line.fuzz(arguments.runs, arguments.seed) if arguments.runs else Counter[int]()
    except CommandLineFuzzError as found:
        print(f"command line: {found}", file=sys.stderr)
        return 1
    words = ", ".join(f"{count} with exit code {code}" for code, count in sorted(codes.items()))
    print(
        f"{codes.total()} runs of the command line in {time.monotonic() - start:.0f} s ({words})", flush=True
    )
    if not arguments.calls:
        return 0
    key = secrets.token_urlsafe(48)
    with tempfile.TemporaryDirectory(prefix="fastmp-fuzz-") as folder:
        settings = LocalSettings.side_by_side(
            Path(folder), jwt_secret=key, admin_password=secrets.token_hex(8)
        )
        with (
            LocalStack(settings, wechat_emulator=(), environment=generous_environment()) as stack,
            People(stack, key) as people,
            campaign(stack, people) as fuzz,
        ):
            start = time.monotonic()
            fuzz.report = report
            try:
                fuzz.run(arguments.calls, arguments.seed)
            except FuzzFoundError as found:
                print(f"after {fuzz.calls} calls: {found}", file=sys.stderr)
                return 1
            seconds = time.monotonic() - start
    counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(fuzz.outcomes.items()))
    print(f"{fuzz.calls} calls in {seconds:.0f} s ({counts}): no fault, no change by a refused call")
    return 0


if __name__ == "__main__":
    sys.exit(main())
