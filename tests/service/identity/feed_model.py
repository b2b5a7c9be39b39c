"""A model of the account feed: writers that know what they committed, and watchers that know what they received.

Choices come from a seed; how the threads interleave does not.
"""

import contextlib
import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fastmp.identity.v1 import identity_service_pb2 as pb
from fastmp.identity.v1 import identity_service_pb2_grpc as pb_grpc
from services.chassis.audit.recording import AuditLog
from services.chassis.postgres.database import Database
from services.identity.accounts import accounts
from services.identity.accounts.accounts import AccountNotFoundError, AccountUpdate, NewAccount
from services.identity.accounts.transactions import AccountTransaction, AccountTransactions
from services.identity.feed import changes
from services.identity.tables import audit
from tests.service.identity.replicas import Clock
from tests.support.audit_key import AUDIT_KEY

STREAM_SECONDS = 60.0
# How many accounts a transaction is about: mostly one.
SIZES = (1, 1, 1, 1, 2, 3)
Change = tuple[str, str]


class ChangedMindError(Exception):
    """A writer that rolls its transaction back."""


@dataclass
class Truth:
    """What has really happened: each committed change by its sequence, and who exists. Thread-safe."""

    changes: dict[int, Change] = field(default_factory=dict)
    accounts: list[uuid.UUID] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def committed(self, written: Sequence[tuple[str, int]], kinds: Sequence[str]) -> None:
        with self.lock:
            for (account_id, sequence), kind in zip(written, kinds, strict=True):
                assert sequence not in self.changes, f"sequence {sequence} was given out twice"
                self.changes[sequence] = (account_id, kind)
            self.counts["committed"] += 1

    def some_accounts(self, chance: random.Random, most: int) -> list[uuid.UUID]:
        """Some that existed a moment ago, in one order for all writers, as the locks on them need."""
        with self.lock:
            return sorted(chance.sample(self.accounts, min(most, len(self.accounts))))


class Writer:
    """Makes, changes and deletes accounts, several in a transaction, and rolls some transactions back."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        truth: Truth,
        seed: int,
        on_created: Callable[[uuid.UUID], None] = lambda _: None,
    ) -> None:
        self._truth = truth
        self._chance = random.Random(seed)
        self._database = database
        self._clock = clock
        self._on_created = on_created
        self._written: list[tuple[str, int]] = []
        self._transactions = AccountTransactions(
            database,
            clock.now,
            AuditLog(audit, AUDIT_KEY, clock.now),
            lambda account_id, sequence: self._written.append((account_id, sequence)),
        )

    def run(self, steps: int) -> None:
        """Each step is one transaction."""
        actions = (self._create, self._create, self._change, self._change, self._delete, self._burn)
        for _ in range(steps):
            self._chance.choice(actions)()

    def _create(self) -> None:
        new = [uuid.UUID(int=self._chance.getrandbits(128)) for _ in range(self._chance.choice(SIZES))]

        def create(transaction: AccountTransaction) -> list[str]:
            for one in new:
                accounts.create(transaction, NewAccount(one, f"{one.hex}@example.com", "no hash"))
            return [changes.CHANGED] * len(new)

        if self._commits(create):
            for one in new:
                self._on_created(one)
            with self._truth.lock:
                self._truth.accounts += new

    def _change(self) -> None:
        chosen = self._truth.some_accounts(self._chance, self._chance.choice(SIZES))
        status = self._chance.choice(("active", "pending"))

        def change(transaction: AccountTransaction) -> list[str]:
            for one in chosen:
                accounts.change(transaction, one, AccountUpdate(activation_status=status))
            return [changes.CHANGED] * len(chosen)

        self._commits(change)

    def _delete(self) -> None:
        chosen = self._truth.some_accounts(self._chance, 1)

        def delete(transaction: AccountTransaction) -> list[str]:
            for one in chosen:
                accounts.remove(transaction, one)
            return [changes.DELETED] * len(chosen)

        if self._commits(delete):
            with self._truth.lock:
                self._truth.accounts = [one for one in self._truth.accounts if one not in chosen]

    def _burn(self) -> None:
        """Takes a sequence and does not keep it."""
        with contextlib.suppress(ChangedMindError), self._database.transaction() as connection:
            changes.append(connection, uuid.uuid4(), changes.CHANGED, self._clock.now())
            raise ChangedMindError
        with self._truth.lock:
            self._truth.counts["rolled back"] += 1

    def _commits(self, work: Callable[[AccountTransaction], list[str]]) -> bool:
        """Whether the transaction was kept; a writer that has chosen a deleted account loses it."""
        self._written.clear()
        try:
            with self._transactions.begin() as transaction:
                kinds = work(transaction)
                self._perhaps_change_mind()
        except (ChangedMindError, AccountNotFoundError):
            with self._truth.lock:
                self._truth.counts["rolled back"] += 1
            return False
        self._truth.committed(self._written, kinds)
        return True

    def _perhaps_change_mind(self) -> None:
        if self._chance.random() < 0.1:
            raise ChangedMindError


class Watcher:
    """Reads the feed in pieces, from replica to replica, and sometimes forgets what it did not store."""

    def __init__(self, stubs: Sequence[pb_grpc.IdentityServiceStub], seed: int) -> None:
        self.seen: dict[int, Change] = {}
        self.counts: Counter[str] = Counter()
        self._stubs = stubs
        self._chance = random.Random(seed)
        self._stored = 0

    def run(self, is_over: Callable[[int], bool]) -> None:
        """Until `is_over` says so of the stored cursor. Raises AssertionError at the first wrong event."""
        while not is_over(self._stored):
            reached = self._one_stream(self._chance.randint(1, 900))
            if self._chance.random() < 0.3:
                # Died before it could store how far it was: everything since is asked for again.
                self.counts["crashes"] += 1
                reached = self._chance.randint(self._stored, reached)
            self._stored = reached

    def _one_stream(self, most: int) -> int:
        self.counts["streams"] += 1
        cursor = self._stored
        stream = self._chance.choice(self._stubs).WatchAccounts(
            pb.WatchAccountsRequest(after_sequence=cursor), timeout=STREAM_SECONDS
        )
        beats = 0
        for event in stream:
            if event.HasField("heartbeat"):
                assert event.sequence == cursor, f"a heartbeat at {event.sequence} after {cursor}"
                beats += 1
            else:
                assert event.sequence == cursor + 1, f"{event.sequence} came after {cursor}"
                cursor = event.sequence
                self._take(cursor, (event.change.account_id, event.change.kind))
            if cursor - self._stored >= most or beats == 2:
                break
        stream.cancel()
        return cursor

    def _take(self, sequence: int, change: Change) -> None:
        self.counts["events"] += 1
        assert self.seen.setdefault(sequence, change) == change, f"{sequence} was something else before"
