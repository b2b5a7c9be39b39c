"""`python -m bench.scaling`: prints the tables of docs/scaling.md, which are the same in every run."""

import sys
from collections.abc import Iterable

from bench.scaling.checks import checks
from bench.scaling.costs import PEAK, Replicas
from bench.scaling.scenarios import ENOUGH, events, p99, pending, queues, seconds_of, steady

IDENTITY_REPLICAS = (3, 5, 6, 7)
MULTIPLES = (1, 2, 4, 8)
PENDING = (1000, 2000, 2500, 3000)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Returns a table in Markdown."""
    columns = list(head)
    lines = [f"| {' | '.join(row)} |" for row in (columns, *rows)]
    return "\n".join([lines[0], f"|{'---|' * len(columns)}", *lines[1:]])


def tables() -> dict[str, str]:
    """Returns each table by its name in docs/scaling.md."""
    return {
        "checks": _checks(),
        "identity": _identity(),
        "queues": _queues(),
        "pending": _pending(),
        "events": _events(),
    }


def _checks() -> str:
    rows = [
        (
            one.name,
            f"{one.measured:g} {one.unit}".strip(),
            f"{one.simulated:.3g} {one.unit}".strip(),
            f"{one.difference:+.0%}",
        )
        for one in checks()
    ]
    return table(("figure", "measured", "simulated", "difference"), rows)


def _identity() -> str:
    rows = []
    for number in IDENTITY_REPLICAS:
        system = steady(PEAK, Replicas(number, ENOUGH.activation, ENOUGH.wechat_cookie))
        refused, done = len(system.seen["sign-in refused"]), len(system.seen["sign-in"])
        seconds = p99(seconds_of(system, "sign-in"))
        rows.append((str(number), f"{refused / (refused + done):.0%}", f"{seconds:.1f} s"))
    return table(("replicas of two cores", "tries refused", "a sign-in takes, p99"), rows)


def _queues() -> str:
    found = [queues(steady(PEAK.times(multiple), ENOUGH)) for multiple in MULTIPLES]
    rows = [
        (station, *(f"{100 * one[station][0]:.0f} %, {_duration(one[station][1])}" for one in found))
        for station in found[0]
    ]
    return table(("busy, and wait p99", *(f"×{multiple}" for multiple in MULTIPLES)), rows)


def _pending() -> str:
    rows = [
        (f"{one.logins:,}", f"{one.cores:.2f}", f"{one.gap_p99:.2f} s", f"{one.tap_p99:.2f} s")
        for one in map(pending, PENDING)
    ]
    return table(
        ("pending logins on one replica", "cores", "gap between polls, p99", "tap to event, p99"), rows
    )


def _events() -> str:
    rows = [
        (
            one.name,
            f"{one.unavailable:,}",
            f"{one.refused:,}",
            f"{one.given_up:,}",
            f"{one.longest_tap:.0f} s",
            f"{one.timed_out:,}",
            f"{one.normal_after:.0f} s",
        )
        for one in events()
    ]
    head = (
        "event",
        "UNAVAILABLE",
        "refused",
        "given up",
        "longest tap to event",
        "logins timed out",
        "as before after",
    )
    return table(head, rows)


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1e3 * seconds:.0f} ms"


def main() -> int:
    """Prints the tables and returns the exit code."""
    for name, text in tables().items():
        print(f"<!-- {name} -->\n{text}\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
