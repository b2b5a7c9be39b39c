"""Reads and corrects codes for services.reconcile."""

import datetime
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select, update

from services.activation.account_deletion import AccountDeletion
from services.activation.codes import deletion
from services.activation.codes.codes import COLUMNS, Code
from services.activation.tables import activation_codes, audit, feed_cursor
from services.chassis.audit.recording import AuditLog, Event
from services.chassis.code_digest import code_digest
from services.chassis.identity.access_days import FROM_EXPIRY, FROM_NOW
from services.chassis.identity.statuses import ACTIVE, PENDING, REVOKED
from services.chassis.importing.deleted import deleted_since
from services.chassis.reconciling.deletions import BATCH, every_deleted
from services.chassis.reconciling.redemption import Redemption

LONGEST_DAYS = 3650
_ACCOUNT_DELETED = "codes_of_account_deleted"
_code = activation_codes.c
_CODES: Select[Any] = select(*COLUMNS)


@dataclass(frozen=True)
class CodesPart:
    """The codes in one open transaction."""

    connection: Connection
    audit: AuditLog
    now: Callable[[], datetime.datetime]

    def deleted_accounts(self) -> Iterator[list[uuid.UUID]]:
        """Yields the accounts whose codes were deleted with them, in lists of at most BATCH."""
        return every_deleted(self.connection, audit, _ACCOUNT_DELETED)

    def deleted(self, ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
        """Returns those of the accounts whose codes were deleted with them."""
        return deleted_since(self.connection, audit, _ACCOUNT_DELETED, ids)

    def owners(self) -> Iterator[Mapping[uuid.UUID, str]]:
        """Yields the accounts that have redeemed codes, with an e-mail each, at most BATCH at a time."""
        page = (
            # An account has one e-mail.
            select(_code.account_id, func.max(_code.user_email).label("user_email"))
            .where(_code.account_id.is_not(None))
            .group_by(_code.account_id)
            .order_by(_code.account_id)
            .limit(BATCH)
        )
        found = {row.account_id: row.user_email for row in self.connection.execute(page)}
        while found:
            yield found
            rows = self.connection.execute(page.where(_code.account_id > max(found)))
            found = {row.account_id: row.user_email for row in rows}

    def known(self, codes: Collection[str]) -> Mapping[str, Code]:
        """Returns those of the codes that exist."""
        found = self._read(_CODES.where(_code.activation_code.in_(codes)))
        return {code.activation_code: code for code in found}

    def every(self, *, redeemed: bool) -> Iterator[list[Code]]:
        """Yields all codes that are redeemed, or all others, in lists of at most BATCH."""
        is_wanted = _code.account_id.is_not(None) if redeemed else _code.account_id.is_(None)
        page = _CODES.where(is_wanted).order_by(_code.id).limit(BATCH)
        found = self._read(page)
        while found:
            yield found
            found = self._read(page.where(_code.id > found[-1].id))

    def deleted_codes(self, codes: Collection[str]) -> set[str]:
        """Returns those of the codes whose deletion is in the audit log."""
        digests = {code_digest(code): code for code in codes}
        log = audit.log.c
        digest = log.details["code_digest"].astext
        entries = select(digest).where(log.action == "code_deleted", digest.in_(digests))
        return {digests[found] for found in self.connection.execute(entries).scalars()}

    def redeem(self, code: Code, redemption: Redemption) -> None:
        """Makes an existing code what Identity knows of it."""
        values = _redeemed(redemption, code.expiry_date)
        if code.activation_status == PENDING:
            values["activation_status"] = ACTIVE
        statement = update(activation_codes).where(_code.id == code.id)
        self.connection.execute(statement.values(**values, update_time=self.now()))
        action = "code_activated" if code.account_id is None else "code_changed"
        self._record(action, code.id)

    def create(self, redemption: Redemption) -> uuid.UUID:
        """Creates a code that only Identity knows, as redeemed, and returns its id."""
        code_id, values = uuid.uuid4(), _redeemed(redemption, None)
        days = redemption.added_days
        if days is None:
            days = max(1, min(LONGEST_DAYS, round((values["expiry_date"] - redemption.redeemed_time) / _DAY)))
        self.connection.execute(
            insert(activation_codes).values(
                **values,
                id=code_id,
                activation_code=redemption.activation_code,
                activation_status=ACTIVE,
                valid_days=days,
                days_from=FROM_NOW if redemption.added_days is None else FROM_EXPIRY,
                create_time=redemption.redeemed_time,
                update_time=self.now(),
            )
        )
        self._record("code_activated", code_id)
        return code_id

    def delete(self, code: Code) -> None:
        """Deletes a code."""
        deletion.remove(self.connection, code.activation_code)
        self._record("code_deleted", code.id, code_digest=code_digest(code.activation_code))

    def delete_of(self, account_id: uuid.UUID) -> None:
        """Deletes the codes of a deleted account."""
        AccountDeletion(self.audit).delete(self.connection, account_id)

    def revoke_of(self, account_id: uuid.UUID) -> None:
        """Revokes the codes of an account that is lost: they cannot be redeemed again, and lists show them."""
        unbound = dict.fromkeys(("account_id", "user_email", "activation_time", "expiry_date"))
        statement = update(activation_codes).where(_code.account_id == account_id)
        revoked = statement.values(**unbound, activation_status=REVOKED, update_time=self.now())
        for code_id in self.connection.execute(revoked.returning(_code.id)).scalars().all():
            self._record("code_revoked", code_id)

    def cursor(self) -> int:
        """Returns the position up to which Identity's feed was followed."""
        return int(self.connection.execute(select(feed_cursor.c.sequence)).scalar_one())

    def follow_from(self, sequence: int) -> None:
        """Sets the position after which Identity's feed will be followed."""
        self.connection.execute(update(feed_cursor).values(sequence=sequence))

    def _read(self, query: Select[Any]) -> list[Code]:
        return [Code(*row) for row in self.connection.execute(query)]

    def _record(self, action: str, code_id: uuid.UUID, **details: str) -> None:
        self.audit.record(self.connection, Event(action, str(code_id), details=details))


_DAY = datetime.timedelta(days=1)
_LATEST = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)


def redemption_of(code: Code) -> Redemption:
    """Returns the redemption of a redeemed code. Raises ValueError for another one."""
    if (
        code.account_id is None
        or code.user_email is None
        or code.activation_time is None
        or code.expiry_date is None
    ):
        raise ValueError("the code is not redeemed")
    added_days = code.valid_days if code.days_from == FROM_EXPIRY else None
    values = (code.account_id, code.user_email, code.activation_time, code.expiry_date, added_days)
    return Redemption(code.activation_code, *values)


def agrees(code: Code, redemption: Redemption, *, is_exact: bool) -> bool:
    """Returns whether the code is redeemed as Identity knows it; times only if they are exact."""
    if code.account_id != redemption.account_id:
        return False
    is_same_time = not is_exact or code.activation_time == redemption.redeemed_time
    is_same_end = redemption.expired_time is None or code.expiry_date == redemption.expired_time
    return is_same_time and is_same_end


def _redeemed(redemption: Redemption, known_end: datetime.datetime | None) -> dict[str, Any]:
    return {
        "account_id": redemption.account_id,
        "user_email": redemption.email,
        "activation_time": redemption.redeemed_time,
        # A code that added days to access without an end has none of its own.
        "expiry_date": redemption.expired_time or known_end or _LATEST,
    }
