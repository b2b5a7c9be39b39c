"""Stores a source's accounts as they are: ids, hashes, access, and the codes that they redeemed."""

import datetime
import uuid
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from services.chassis.audit.recording import Event
from services.chassis.importing.command import ACTOR, batches
from services.chassis.importing.deleted import DELETED_SINCE, deleted_since
from services.chassis.importing.report import Report
from services.chassis.postgres.database import Database
from services.identity.accounts.transactions import AccountTransaction, AccountTransactions
from services.identity.importing.source_accounts import EMAIL_TAKEN, SourceAccount
from services.identity.tables import account_activations, accounts, audit

_MOMENT = datetime.timedelta(microseconds=1)
_INSERT = insert(accounts).on_conflict_do_nothing().returning(accounts.c.id)
_REMEMBER = insert(account_activations).on_conflict_do_nothing()


def store(transactions: AccountTransactions, found: Sequence[SourceAccount], report: Report) -> None:
    """Creates the accounts that do not exist, BATCH in a transaction, with their changes in the feed.

    Nothing that exists is changed, so a repeat does nothing. Accounts whose e-mail another one has, and those that
    were deleted after an earlier import, are left out in the report.
    """
    for some in batches(found):
        with transactions.begin() as transaction:
            _store(transaction, some, report)


def existing_accounts(database: Database, ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Returns those of the ids that are accounts."""
    found: set[uuid.UUID] = set()
    for some in batches(ids):
        with database.reading() as connection:
            found.update(_existing(connection, some))
    return found


def known_codes(database: Database, codes: Sequence[tuple[str, uuid.UUID]]) -> set[str]:
    """Returns those of the codes that were applied to the account named with each."""
    found: set[str] = set()
    memory = account_activations.c
    for some in batches(codes):
        accounts_by_code = dict(some)
        wanted = select(memory.activation_code, memory.account_id).where(
            memory.activation_code.in_(accounts_by_code)
        )
        with database.reading() as connection:
            rows = connection.execute(wanted).all()
        found.update(
            row.activation_code for row in rows if accounts_by_code[row.activation_code] == row.account_id
        )
    return found


def _store(transaction: AccountTransaction, found: Sequence[SourceAccount], report: Report) -> None:
    connection = transaction.connection
    ids = [account.id for account in found]
    there = _existing(connection, ids)
    gone = deleted_since(connection, audit, "account_deleted", ids) - there
    new = [account for account in found if account.id not in there | gone]
    rows = [_row(account, transaction.now) for account in new]
    created = set(connection.execute(_INSERT, rows).scalars()) if rows else set()
    for account in new:
        if account.id in created:
            transaction.changed(account.id)
        else:
            report.leave_out(account.id, EMAIL_TAKEN)
    memory = [row for account in new if account.id in created for row in _memory(account, transaction.now)]
    if memory:
        connection.execute(_REMEMBER, memory)
    for account_id in sorted(gone):
        report.leave_out(account_id, DELETED_SINCE)
    report.unchanged += len(there)
    report.imported += len(created)
    if created:
        transaction.record(Event("accounts_imported", details={"count": str(len(created))}, actor=ACTOR))


def _existing(connection: Connection, ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    return set(connection.execute(select(accounts.c.id).where(accounts.c.id.in_(ids))).scalars())


def _row(account: SourceAccount, now: datetime.datetime) -> dict[str, Any]:
    redeemed = [code.redemption.time for code in account.redeemed if code.redemption]
    return {
        "id": account.id,
        "email": account.email,
        "email_key": account.key,
        "password_hash": account.password_hash,
        "role": account.role,
        "activation_status": account.activation_status,
        "activation_code": account.activation_code,
        "expired_time": account.expired_time,
        # As if an admin had set the access after the last redemption: it is the source's, whatever the codes say,
        # and only the deletion of the code that the account carries ends it.
        "activation_set_at": max(redeemed) + _MOMENT if redeemed else None,
        "created_at": account.created_at or now,
        "updated_at": now,
    }


def _memory(account: SourceAccount, now: datetime.datetime) -> list[dict[str, Any]]:
    return [
        {
            "activation_code": code.activation_code,
            "account_id": account.id,
            "expired_time": code.redemption.expiry_date,
            "redeemed_at": code.redemption.time,
            "applied_at": now,
        }
        for code in account.redeemed
        if code.redemption
    ]
