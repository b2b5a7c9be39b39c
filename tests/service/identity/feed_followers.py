"""Replicas that follow a real Identity's feed for one Activation database, and die in the middle of their work."""

import contextlib
import datetime
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterator

import grpc
from sqlalchemy import Connection, insert, text

from services.activation.account_deletion import AccountDeletion
from services.activation.codes import codes
from services.activation.tables import activation_codes, audit, feed_cursor
from services.chassis.audit.recording import AuditLog
from services.chassis.identity.client import IdentityClient
from services.chassis.identity.feed_follower import AccountFeed, FeedCursor
from services.chassis.identity.principals import CachingAuthenticator
from services.chassis.postgres.database import Database
from tests.support.audit_key import AUDIT_KEY

# Of so many cascades one dies before its commit and one after it; also one resynchronisation dies.
CASCADES_A_CRASH = 8


class CrashedError(Exception):
    """What the thread of a replica ends with when the replica dies."""


class CrashingCursor(FeedCursor):
    """Activation's own cursor and cascade, which sometimes die before and sometimes after their commit."""

    def __init__(
        self, database: Database, now: Callable[[], datetime.datetime], counts: Counter[str]
    ) -> None:
        self._deletion = AccountDeletion(AuditLog(audit, AUDIT_KEY, now))
        self._counts = counts
        self._cascades = 0
        self._is_resynchronising = False
        super().__init__(database, feed_cursor, self._cascade, codes.redeeming_accounts)

    def delete(self, account_id: uuid.UUID, sequence: int, changed: Collection[uuid.UUID] = ()) -> None:
        before = self._cascades
        super().delete(account_id, sequence, changed)
        if before < self._cascades and self._cascades % CASCADES_A_CRASH == 0:
            self._crash("crashes after the commit")

    def resynchronise(self, identity: IdentityClient, sequence: int) -> None:
        self._counts["resynchronisations"] += 1
        self._is_resynchronising = True
        try:
            super().resynchronise(identity, sequence)
        finally:
            self._is_resynchronising = False

    def _cascade(self, connection: Connection, account_id: uuid.UUID) -> None:
        self._deletion.delete(connection, account_id)
        if self._is_resynchronising:
            if not self._counts["crashes in a resynchronisation"]:
                self._crash("crashes in a resynchronisation")
            return
        self._cascades += 1
        if self._cascades % CASCADES_A_CRASH == CASCADES_A_CRASH // 2:
            self._crash("crashes before the commit")

    def _crash(self, when: str) -> None:
        self._counts[when] += 1
        raise CrashedError


@contextlib.contextmanager
def following(
    identity: grpc.Channel, cursor: FeedCursor, now: Callable[[], datetime.datetime]
) -> Iterator[None]:
    """A replica that follows the feed while the block runs."""
    authenticator = CachingAuthenticator(IdentityClient(identity).authenticate, now)
    feed = AccountFeed(identity, authenticator, cursor)
    feed.start()
    try:
        yield
    finally:
        feed.stop()


def redeem(database: Database, account_id: uuid.UUID, now: datetime.datetime) -> None:
    """Gives the account a redeemed code."""
    row = {
        "id": uuid.uuid4(),
        "activation_code": uuid.uuid4().hex,
        "user_email": "owner@example.com",
        "account_id": account_id,
        "activation_status": "active",
        "valid_days": 1,
        **dict.fromkeys(("expiry_date", "activation_time", "create_time", "update_time"), now),
    }
    with database.transaction() as connection:
        connection.execute(insert(activation_codes).values(row))


def owners(database: Database) -> set[uuid.UUID]:
    """The accounts that have codes."""
    with database.reading() as connection:
        return set(connection.execute(text("SELECT account_id FROM activation_codes")).scalars())


def cascades(database: Database) -> Counter[str]:
    """How often each account's codes were deleted, by the audit log, which is written in the same transaction."""
    query = text("SELECT target FROM audit_log WHERE action = 'codes_of_account_deleted'")
    with database.reading() as connection:
        return Counter(connection.execute(query).scalars())
