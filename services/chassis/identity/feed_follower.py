"""Follower of Identity's account feed: drops changed principals from the cache and cascades deletions of accounts.

Each replica reads the whole feed, from the cursor in the service's database. For a deletion it updates the cursor
and deletes in one transaction; a replica that finds the cursor updated does nothing. So a cascade is done exactly
once, also when processes die.
"""

import time
import uuid
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import grpc
import structlog
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    MetaData,
    Table,
    select,
    update,
)

from fastmp.identity.v1 import identity_service_pb2 as pb
from fastmp.identity.v1 import identity_service_pb2_grpc as pb_grpc
from services.chassis.background_loop import BackgroundLoop
from services.chassis.errors import reason_of
from services.chassis.identity.client import IdentityClient, IdentityUnavailableError
from services.chassis.identity.principals import CachingAuthenticator
from services.chassis.postgres.database import Database

_log = structlog.get_logger(__name__)

RECONNECT_SECONDS = 0.3
MOST_RETRY_SECONDS = 1.0
# How long a service that has started waits for Identity before it is ready without it.
FIRST_WAIT_SECONDS = 10.0
# The interval at which the stored cursor is updated for changes that are not deletions. A replica that starts from
# an older cursor reads some of those again, which is harmless.
ADVANCE_SECONDS = 1.0
# The maximum of GetPrincipals.
BATCH = 1000


def feed_cursor_table(metadata: MetaData) -> Table:
    """Returns the one-row table of the cursor: the last sequence that this database has followed."""
    return Table(
        "feed_cursor",
        metadata,
        Column("only_row", Boolean, primary_key=True, server_default="true"),
        Column("sequence", BigInteger, nullable=False, server_default="0"),
        CheckConstraint("only_row", name="feed_cursor_only_row"),
    )


@dataclass(frozen=True)
class FeedCursor:
    """The cursor of this service's database in the feed, and the cascade of deletions."""

    database: Database
    table: Table
    # Deletes an account's data in the open transaction.
    on_deleted: Callable[[Connection, uuid.UUID], None]
    # Yields the ids of all accounts with data, in lists of at most BATCH.
    known_accounts: Callable[[Connection], Iterator[list[uuid.UUID]]]
    # Records, in the open transaction, that the accounts have changed, up to a sequence. Idempotent.
    on_changed: Callable[[Connection, Collection[uuid.UUID], int], None] = lambda *_: None
    # Called in the transaction of resynchronise(), with the new sequence: changes before it were missed.
    on_resynchronised: Callable[[Connection, int], None] = lambda *_: None

    def position(self) -> int:
        """Returns the last sequence that was handled."""
        with self.database.reading() as connection:
            return int(connection.execute(select(self.table.c.sequence)).scalar_one())

    def advance(self, sequence: int, changed: Collection[uuid.UUID] = ()) -> None:
        """Records that everything up to `sequence` was handled, and that the accounts have changed. Idempotent."""
        with self.database.transaction() as connection:
            if changed:
                self.on_changed(connection, changed, sequence)
            self._advance(connection, sequence)

    def delete(self, account_id: uuid.UUID, sequence: int, changed: Collection[uuid.UUID] = ()) -> None:
        """Deletes the data of the account, unless that was done before, and records as advance() does.

        Idempotent by `sequence`.
        """
        with self.database.transaction() as connection:
            if changed:
                self.on_changed(connection, changed, sequence)
            if self._advance(connection, sequence):
                self.on_deleted(connection, account_id)

    def resynchronise(self, identity: IdentityClient, sequence: int) -> None:
        """Deletes the data of accounts that no longer exist and sets the cursor to `sequence`, in one transaction.

        `sequence` is the feed's head before this call, so the feed holds later deletions. It is below the cursor
        if Identity was restored from a backup. Does nothing if another replica has moved the cursor meanwhile.
        Raises IdentityUnavailableError.
        """
        before = self.position()
        with self.database.reading() as connection:
            batches = list(self.known_accounts(connection))
        gone: set[uuid.UUID] = set()
        for batch in batches:
            existing = identity.principals([str(account_id) for account_id in batch])
            gone.update(account_id for account_id in batch if str(account_id) not in existing)
        column = self.table.c.sequence
        with self.database.transaction() as connection:
            moved = update(self.table).where(column == before).values(sequence=sequence)
            if connection.execute(moved).rowcount == 1:
                for account_id in sorted(gone):
                    self.on_deleted(connection, account_id)
                self.on_resynchronised(connection, sequence)

    def _advance(self, connection: Connection, sequence: int) -> bool:
        column = self.table.c.sequence
        statement = update(self.table).where(column < sequence).values(sequence=sequence)
        return connection.execute(statement).rowcount == 1


class AccountFeed:
    """The background loop that follows the feed. While its stream is broken, no cached principal is trusted."""

    def __init__(
        self,
        identity: grpc.Channel,
        authenticator: CachingAuthenticator,
        cursor: FeedCursor,
        on_changed: Callable[[str], None] = lambda _account_id: None,
        on_connected: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_changed` is called with the id of each changed or deleted account, `on_connected` when a stream
        has started: changes before it may have been missed. Both must return immediately."""
        self._on_changed = on_changed
        self._on_connected = on_connected
        self._stub = pb_grpc.IdentityServiceStub(identity)
        self._client = IdentityClient(identity)
        self._authenticator = authenticator
        self._cursor = cursor
        self._was_received = False
        self._started_at = time.monotonic()
        self._sequence = 0
        self._complete_at: float | None = None
        self._stream: grpc.Call | None = None
        self._loop = BackgroundLoop(
            "account-feed",
            self._follow_or_recover,
            RECONNECT_SECONDS,
            most_retry_seconds=MOST_RETRY_SECONDS,
            interrupt=self._cancel,
        )

    def start(self) -> None:
        """Starts the thread."""
        self._started_at = time.monotonic()
        self._loop.start()

    @property
    def was_awaited(self) -> bool:
        """Whether the feed was received since start(), or FIRST_WAIT_SECONDS have passed. Stays true.

        Before that gRPC may still be backing off, and fail calls to an available Identity.
        """
        return self._was_received or time.monotonic() - self._started_at >= FIRST_WAIT_SECONDS

    @property
    def sequence(self) -> int:
        """The sequence of the last change that this replica has received."""
        return self._sequence

    @property
    def lag_seconds(self) -> float:
        """The time since this replica last knew that it had every change, or since start() if it never did."""
        return time.monotonic() - (self._complete_at or self._started_at)

    def stop(self) -> None:
        """Ends the stream and the thread."""
        self._loop.stop()

    def _cancel(self) -> None:
        if self._stream is not None:
            self._stream.cancel()

    def _follow_or_recover(self) -> None:
        """Follows one stream until it ends. Raises DomainError if Identity or the database is unavailable.

        The stored cursor is updated only for changes that were handled, so the next stream begins with the others.
        """
        try:
            try:
                self._follow()
            finally:
                self._authenticator.distrust()
        except grpc.RpcError as error:
            if reason_of(error) != "FEED_PRUNED":
                raise IdentityUnavailableError from error
            self._resynchronise()

    def _follow(self) -> None:
        stored = self._cursor.position()
        # Without waiting for the channel, a stream would fail immediately while gRPC backs off.
        request = pb.WatchAccountsRequest(after_sequence=stored)
        stream = self._stub.WatchAccounts(request, wait_for_ready=True)
        self._stream = stream
        if self._loop.is_stopping:
            # stop() was called before there was a stream.
            stream.cancel()
        advance_at = 0.0
        is_new = True
        changed: set[uuid.UUID] = set()
        for event in stream:
            self._was_received = True
            self._sequence = event.sequence
            if is_new:
                self._on_connected()
                is_new = False
            if event.HasField("change"):
                self._authenticator.drop(event.change.account_id, event.sequence)
                if event.change.kind == "deleted":
                    self._cursor.delete(uuid.UUID(event.change.account_id), event.sequence, changed)
                    stored = event.sequence
                    changed.clear()
                else:
                    changed.add(uuid.UUID(event.change.account_id))
                self._on_changed(event.change.account_id)
            elif event.HasField("heartbeat"):
                self._authenticator.trust()
                self._loop.succeeded()
                self._complete_at = time.monotonic()
                if event.sequence > stored and time.monotonic() >= advance_at:
                    self._cursor.advance(event.sequence, changed)
                    stored = event.sequence
                    changed.clear()
                    advance_at = time.monotonic() + ADVANCE_SECONDS

    def _resynchronise(self) -> None:
        """Resynchronises with Identity, and continues at the feed's head. Raises DomainError."""
        try:
            head = self._stub.GetPrincipals(pb.GetPrincipalsRequest(), timeout=5).sequence
        except grpc.RpcError as error:
            raise IdentityUnavailableError from error
        self._authenticator.forget(head)
        self._cursor.resynchronise(self._client, head)
        _log.warning("account_feed_resynchronised", sequence=head)
