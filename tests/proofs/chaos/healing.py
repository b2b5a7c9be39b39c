"""Lets a disturbed stack come to rest: everything runs again, and nothing is under way any more."""

import time
from collections.abc import Callable

from deploy.local.errors import LocalStackError
from deploy.local.stack import LocalStack
from tests.proofs.chaos.observation import Observation, observe, open_databases
from tests.proofs.chaos.record import Record
from tests.support.gateway_calls import GatewayCaller
from tests.support.serving import wait_until_served

# Of two processes of one service, one may have died with a job in hand: that is taken over within 15 s, and a
# refused Identity is asked again after at most a minute.
REST_SECONDS = 150.0
LOOK_SECONDS = 0.5


def revive(stack: LocalStack, record: Record) -> None:
    """Starts what is not running; that it was not is recorded, since all that was killed has been started again."""
    for name in stack.process_names():
        process = stack.process(name)
        if process.exit_status is not None:
            record.deaths.append(process.death_notice().splitlines()[0])
            try:
                stack.restart(name)
            except LocalStackError as error:
                record.deaths.append(f"{name} did not come back: {error}")


def wait_for_rest(stack: LocalStack, admin: GatewayCaller, report: Callable[[str], None]) -> None:
    """Returns once nothing is under way, or after REST_SECONDS: then the invariants say what still is."""
    wait_until_served(admin)
    began = time.monotonic()
    while moving := _what_moves(stack):
        if time.monotonic() - began > REST_SECONDS:
            report(f"not at rest after {REST_SECONDS:.0f} s: {', '.join(moving)}")
            return
        time.sleep(LOOK_SECONDS)
    report(f"at rest after {time.monotonic() - began:.1f} s")


def _what_moves(stack: LocalStack) -> list[str]:
    with open_databases(stack) as databases:
        seen = observe(databases, stack.static_directory)
    checks: dict[str, Callable[[Observation], bool]] = {
        "jobs": lambda seen: bool(seen.rows["jobs"]),
        "the account feed": _feed_moves,
        "logins": lambda seen: any(login.ended_at is None for login in seen.rows["logins"]),
        "folders": lambda seen: seen.folders.keys() != {cookie.token for cookie in seen.rows["cookies"]},
        "transactions": lambda seen: bool(seen.long_transactions),
    }
    return [name for name, moves in checks.items() if moves(seen)]


def _feed_moves(seen: Observation) -> bool:
    head = seen.rows["feed"][0].sequence
    cursors = ("activation_cursor", "wechat_cookie_cursor")
    return any(seen.rows[cursor][0].sequence != head for cursor in cursors)
