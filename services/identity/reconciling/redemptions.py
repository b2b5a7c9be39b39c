"""Reads, applies and clears redeemed codes for services.reconcile."""

import datetime
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, select
from sqlalchemy.dialects.postgresql import insert

from services.chassis.audit.recording import Event
from services.chassis.identity.principals import AccountRevokedError
from services.chassis.reconciling.deletions import BATCH
from services.chassis.reconciling.redemption import Redemption
from services.identity.accounts.activations import Activations, Grant
from services.identity.accounts.transactions import AccountTransactions
from services.identity.tables import account_activations, accounts, audit

_memory = account_activations.c


@dataclass(frozen=True)
class KnownCode:
    """A code that Identity knows: applied to an account, or cleared.

    `redemption` is None for a cleared one. `is_exact` is false if the time is that of the application, which
    releases before the column `redeemed_at` stored alone.
    """

    activation_code: str = field(repr=False)
    redemption: Redemption | None
    is_exact: bool


_KNOWN: Select[Any] = (
    select(
        _memory.activation_code,
        _memory.account_id,
        accounts.c.email,
        func.coalesce(_memory.redeemed_at, _memory.applied_at).label("redeemed_time"),
        _memory.expired_time,
        _memory.added_days,
        _memory.redeemed_at.is_not(None).label("is_exact"),
        _memory.cleared_at.is_not(None).label("is_cleared"),
    )
    # Every account that is named here exists; that a code was cleared may be known without one.
    .select_from(account_activations.outerjoin(accounts, accounts.c.id == _memory.account_id))
    .order_by(_memory.activation_code)
)


@dataclass(frozen=True)
class RedemptionsPart:
    """The redeemed codes in one open transaction, in which `transactions` are parts."""

    connection: Connection
    transactions: AccountTransactions

    def every(self) -> Iterator[list[KnownCode]]:
        """Yields all codes in lists of at most BATCH. They may be changed in between."""
        after = ""
        while page := self._read(_KNOWN.where(_memory.activation_code > after).limit(BATCH)):
            yield page
            after = page[-1].activation_code

    def known(self, codes: Collection[str]) -> Mapping[str, KnownCode]:
        """Returns those of the codes that Identity knows."""
        found = self._read(_KNOWN.where(_memory.activation_code.in_(codes)))
        return {one.activation_code: one for one in found}

    def digests_of_deleted_accounts(self) -> set[str]:
        """Returns the digests of the codes that deleted accounts had redeemed, from the audit log."""
        log = audit.log.c
        digests = log.details["code_digests"].astext
        entries = select(digests).where(log.action == "account_deleted", digests.is_not(None))
        return {one for text in self.connection.execute(entries).scalars() for one in text.split(",")}

    def apply(self, redemption: Redemption) -> tuple[datetime.datetime | None, bool]:
        """Applies a code that Identity does not know to its account, which exists.

        Returns the end of the access after it, None for one without an end, and whether it was applied: for a
        revoked account the code is only remembered, so that it cannot be redeemed again.
        """
        if redemption.added_days is None:
            grant = Grant(expired_time=redemption.expired_time)
        else:
            grant = Grant(added_days=redemption.added_days)
        try:
            applied = Activations(self.transactions).apply(
                redemption.account_id, redemption.activation_code, grant, redemption.redeemed_time
            )
        except AccountRevokedError:
            self._remember(redemption)
            return redemption.expired_time, False
        return applied.expired_time, True

    def clear(self, activation_code: str) -> None:
        """Ends the access that the code gave."""
        Activations(self.transactions).clear(activation_code)

    def _remember(self, redemption: Redemption) -> None:
        with self.transactions.begin() as transaction:
            row = {
                "activation_code": redemption.activation_code,
                "account_id": redemption.account_id,
                "expired_time": redemption.expired_time,
                "redeemed_at": redemption.redeemed_time,
                "applied_at": transaction.now,
            }
            transaction.connection.execute(insert(account_activations).values(row))
            details = {"superseded": "yes"}
            transaction.record(Event("activation_applied", str(redemption.account_id), details=details))

    def _read(self, query: Select[Any]) -> list[KnownCode]:
        return [_known(row) for row in self.connection.execute(query).mappings()]


def _known(row: RowMapping) -> KnownCode:
    code: str = row["activation_code"]
    account_id: uuid.UUID | None = row["account_id"]
    if row["is_cleared"] or account_id is None:
        return KnownCode(code, None, is_exact=True)
    values = (account_id, row["email"], row["redeemed_time"], row["expired_time"], row["added_days"])
    return KnownCode(code, Redemption(code, *values), row["is_exact"])
