"""Bounds guessing: so many failures for a key within a window, exact however many guess at once.

An attempt is reserved in the database before the work that it is about, and counts as a failure until it is known
not to be one. So at most `limit` guesses of a key reach the work, whichever replica they arrive at; attempts that
succeed give their place back, and those behind them wait for it instead of being refused.
"""

import contextlib
import datetime
import ipaddress
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    MetaData,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from services.chassis import context as calls
from services.chassis.database import Database
from services.chassis.errors import ThrottledError

# An attempt whose process died keeps its place no longer than this.
RESERVATION = datetime.timedelta(seconds=60)
# How often an attempt looks again whether another replica has given a place back.
LOOK_AGAIN_SECONDS = 0.1
IPV6_PREFIX = 64


def throttle_table(metadata: MetaData) -> Table:
    """Declares `throttle_attempts` in a service's metadata."""
    table = Table(
        "throttle_attempts",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("key", Text, nullable=False),
        Column("started", DateTime(timezone=True), nullable=False),
        Column("failed", Boolean, nullable=False, server_default="false"),
    )
    Index("ix_throttle_attempts_key_started", table.c.key, table.c.started)
    Index("ix_throttle_attempts_started", table.c.started)
    return table


def client_network(address: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 that an IPv6 address is in."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped or ipaddress.IPv6Network((parsed, IPV6_PREFIX), strict=False))
    return str(parsed)


@dataclass(frozen=True)
class Budget:
    """At most `limit` failures of `key` within `window`."""

    key: str
    limit: int
    window: datetime.timedelta


class Attempt:
    """One attempt in progress. It counts as a failure only if fail() was called."""

    def __init__(self) -> None:
        self.failed = False

    def fail(self) -> None:
        """The guess was wrong; or the thing that is bounded, failure or not, was done."""
        self.failed = True


@dataclass(frozen=True)
class _Usage:
    failed: int
    running: int
    oldest_failure: datetime.datetime | None


class Throttle:
    """The attempts of one service. Thread-safe. `refusal` makes the error from the time until a place is free."""

    def __init__(
        self,
        database: Database,
        table: Table,
        now: Callable[[], datetime.datetime],
        refusal: Callable[[datetime.timedelta], ThrottledError],
    ) -> None:
        self._database = database
        self._table = table
        self._now = now
        self._refusal = refusal
        self._places = _LocalPlaces()
        columns = table.c
        self._lock = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("key"), 0)))
        self._usage = select(
            func.count().filter(columns.failed).label("failed"),
            func.count().filter(~columns.failed & (columns.started > bindparam("alive"))).label("running"),
            func.min(columns.started).filter(columns.failed).label("oldest_failure"),
        ).where(columns.key == bindparam("key"), columns.started > bindparam("since"))
        self._reserve = insert(table).returning(columns.id)

    @contextlib.contextmanager
    def attempt(self, budgets: Sequence[Budget]) -> Iterator[Attempt]:
        """Reserves a place in every budget, then runs the block.

        Raises what `refusal` makes when a budget is used up by failures, or when running attempts do not give a
        place back for as long as the caller can wait. A block that raises without fail() gives its places back.
        """
        attempt = Attempt()
        ordered = sorted(budgets, key=lambda budget: budget.key)
        with self._places.taken(ordered, self._refuse):
            reserved = self._wait_for_places(ordered)
            try:
                yield attempt
            finally:
                self._settle(reserved, attempt.failed)

    def sweep(self, longest_window: datetime.timedelta) -> int:
        """Forgets attempts that no budget of at most `longest_window` counts any more; returns how many."""
        statement = delete(self._table).where(self._table.c.started <= self._now() - longest_window)
        with self._database.transaction() as connection:
            return connection.execute(statement).rowcount

    def _wait_for_places(self, budgets: Sequence[Budget]) -> list[int]:
        give_up = time.monotonic() + calls.outgoing_timeout()
        while (reserved := self._try(budgets)) is None:
            if time.monotonic() >= give_up:
                self._refuse()
            time.sleep(LOOK_AGAIN_SECONDS)
        return reserved

    def _try(self, budgets: Sequence[Budget]) -> list[int] | None:
        """The ids of the reservations, or None while running attempts hold the last places."""
        now = self._now()
        with self._database.transaction() as connection:
            for budget in budgets:
                # Sorted by key, so that two attempts never wait for each other's.
                connection.execute(self._lock, {"key": budget.key})
            for budget in budgets:
                values = {"key": budget.key, "since": now - budget.window, "alive": now - RESERVATION}
                usage = _Usage(*connection.execute(self._usage, values).one())
                if usage.failed >= budget.limit and usage.oldest_failure is not None:
                    raise self._refusal(usage.oldest_failure + budget.window - now)
                if usage.failed + usage.running >= budget.limit:
                    return None
            rows = [{"key": budget.key, "started": now, "failed": False} for budget in budgets]
            return [int(row.id) for row in connection.execute(self._reserve.values(rows))]

    def _settle(self, reserved: Sequence[int], failed: bool) -> None:
        ours = self._table.c.id.in_(reserved)
        statement = (
            update(self._table).where(ours).values(failed=True) if failed else delete(self._table).where(ours)
        )
        with self._database.transaction() as connection:
            connection.execute(statement)

    def _refuse(self) -> None:
        raise self._refusal(datetime.timedelta(seconds=2))


class _LocalPlaces:
    """Lets as many attempts of a key as its limit go on to the database; the others wait here, at no cost."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._taken: dict[str, int] = {}

    @contextlib.contextmanager
    def taken(self, budgets: Sequence[Budget], refuse: Callable[[], None]) -> Iterator[None]:
        with self._changed:
            if not self._changed.wait_for(lambda: self._are_free(budgets), timeout=calls.outgoing_timeout()):
                refuse()
            for budget in budgets:
                self._taken[budget.key] = self._taken.get(budget.key, 0) + 1
        try:
            yield
        finally:
            with self._changed:
                for budget in budgets:
                    self._taken[budget.key] -= 1
                    if not self._taken[budget.key]:
                        del self._taken[budget.key]
                self._changed.notify_all()

    def _are_free(self, budgets: Sequence[Budget]) -> bool:
        return all(self._taken.get(budget.key, 0) < budget.limit for budget in budgets)
