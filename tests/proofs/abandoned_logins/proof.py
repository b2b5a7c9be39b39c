"""The proof: after a thousand attempts that came to nothing, all is as it was before them."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

import psycopg

from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from tests.proofs.abandoned_logins.attempts import attempt
from tests.proofs.abandoned_logins.footprint import Footprint, footprint
from tests.support.ready_accounts import ReadyAccount
from tests.support.waiting import wait_until

# The sweep comes every ten seconds, and idle threads and connections go within a minute or so.
TIMEOUT_SECONDS = 150.0
# Longer than from one poll of a login to the next.
QUIET_SECONDS = 6.0
# Rows that are kept for ten minutes, and logins unused for two, are made that old.
_AGE: Sequence[LiteralString] = (
    "UPDATE logins SET last_seen_at = last_seen_at - interval '3 minutes' WHERE ended_at IS NULL",
    "UPDATE logins SET ended_at = ended_at - interval '11 minutes' WHERE ended_at > now() - interval '10 minutes'",
)


@dataclass(frozen=True)
class Proof:
    """The attempts that were made, and what was there before, at their end, and after everything had settled."""

    made: Counter[str]
    before: Footprint
    at_the_end: Footprint
    after: Footprint

    @property
    def leftovers(self) -> list[str]:
        """What is left that was not there before."""
        kinds = ("threads", "sockets", "logins", "events", "running", "connections_to_wechat")
        pairs = [(kind, getattr(self.before, kind), getattr(self.after, kind)) for kind in kinds]
        return [f"{after} {kind}, {before} before" for kind, before, after in pairs if after > before]


def prove(
    stack: LocalStack, phone: EmulatorControl, accounts: Sequence[ReadyAccount], count: int, at_once: int
) -> Proof:
    """Makes `count` attempts; what is there before is measured after a few, when pools have filled."""
    attempt(stack.gateway_url, accounts, at_once, at_once)
    before = _settled(stack, phone, None)
    made = attempt(stack.gateway_url, accounts, count, at_once)
    at_the_end = footprint(stack, phone)
    return Proof(made, before, at_the_end, _settled(stack, phone, before))


def _settled(stack: LocalStack, phone: EmulatorControl, before: Footprint | None) -> Footprint:
    """The footprint once no login is left, WeChat is no longer polled, and nothing more than `before` is held."""

    def rows_are_gone() -> bool:
        with psycopg.connect(stack.database_url("wechat_cookie"), autocommit=True) as database:
            for statement in _AGE:
                database.execute(statement)
        return footprint(stack, phone).logins == 0

    wait_until(rows_are_gone, "the logins have ended and their rows are gone", TIMEOUT_SECONDS)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    last, since = footprint(stack, phone), time.monotonic()
    while True:
        time.sleep(0.5)
        now = footprint(stack, phone)
        if now.polls != last.polls:
            last, since = now, time.monotonic()
        quiet = time.monotonic() - since >= QUIET_SECONDS
        if (quiet and (before is None or not Proof(Counter(), before, now, now).leftovers)) or (
            time.monotonic() > deadline
        ):
            return now
