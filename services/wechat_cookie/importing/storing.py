"""Stores a source's cookies, encrypted, an owner's in one transaction."""

import datetime
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from services.chassis.audit.recording import AuditLog, Event
from services.chassis.importing.command import ACTOR
from services.chassis.importing.deleted import DELETED_SINCE, deleted_since
from services.chassis.importing.report import Report
from services.chassis.importing.values import ACCOUNT_MISSING
from services.chassis.postgres.database import Database
from services.chassis.vault import Vault
from services.wechat_cookie.audit_tables import audit
from services.wechat_cookie.cookies import owners
from services.wechat_cookie.cookies.saving import MOST_AVATAR_URL_LENGTH, MOST_NAME_LENGTH
from services.wechat_cookie.cookies.tables import cookies
from services.wechat_cookie.importing.source_cookies import SourceCookie

LOGGED_IN_SINCE = "LOGGED_IN_SINCE"

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)
_INSERT = insert(cookies).on_conflict_do_nothing().returning(cookies.c.id)


def store(
    database: Database,
    vault: Vault,
    audit_log: AuditLog,
    found: Sequence[SourceCookie],
    report: Report,
    now: datetime.datetime,
) -> None:
    """Creates the cookies that do not exist. The commit notifies the replicas, which write the exported folders.

    Nothing that exists is changed, so a repeat does nothing: a cookie whose token or official account the owner
    has a cookie of is left out in the report, as are those deleted after an earlier import. An owner without a
    current cookie gets the source's, else the newest usable one.
    """
    by_owner: dict[uuid.UUID, list[SourceCookie]] = {}
    # Of two logins of one official account the newer counts.
    for cookie in sorted(found, key=lambda one: (one.created_time, one.id), reverse=True):
        by_owner.setdefault(cookie.owner_id, []).append(cookie)
    for owner_id, owned in by_owner.items():
        with database.transaction() as connection:
            _store(connection, vault, audit_log, owner_id, owned, report, now)


def _store(
    connection: Connection,
    vault: Vault,
    audit_log: AuditLog,
    owner_id: uuid.UUID,
    owned: Sequence[SourceCookie],
    report: Report,
    now: datetime.datetime,
) -> None:
    owners.lock(connection, owner_id)
    if owners.is_deleted(connection, owner_id):
        for cookie in owned:
            report.leave_out(cookie.id, ACCOUNT_MISSING)
        return
    ids = [cookie.id for cookie in owned]
    there = set(connection.execute(select(cookies.c.id).where(cookies.c.id.in_(ids))).scalars())
    gone = deleted_since(connection, audit, "cookie_deleted", ids) - there
    imported = []
    for cookie in owned:
        if cookie.id in there:
            report.unchanged += 1
        elif cookie.id in gone:
            report.leave_out(cookie.id, DELETED_SINCE)
        elif connection.execute(_INSERT, _row(cookie, vault)).one_or_none() is None:
            report.leave_out(cookie.id, LOGGED_IN_SINCE)
        else:
            imported.append(cookie)
    if imported:
        report.imported += len(imported)
        _choose_current(connection, owner_id, imported, now)
        owners.announce(connection, [cookie.token for cookie in imported])
        details = {"count": str(len(imported))}
        audit_log.record(connection, Event("cookies_imported", str(owner_id), details=details, actor=ACTOR))


def _choose_current(
    connection: Connection, owner_id: uuid.UUID, imported: Sequence[SourceCookie], now: datetime.datetime
) -> None:
    chosen = next((cookie.id for cookie in imported if cookie.is_current), None)
    current = select(cookies.c.id).where(cookies.c.owner_id == owner_id, cookies.c.is_current)
    if chosen is not None:
        connection.execute(
            update(cookies).where(cookies.c.id == chosen, ~current.exists()).values(is_current=True)
        )
    owners.ensure_current(connection, owner_id, now)


def _row(cookie: SourceCookie, vault: Vault) -> dict[str, Any]:
    return {
        "id": cookie.id,
        "token": cookie.token,
        "owner_id": cookie.owner_id,
        "owner_email": cookie.owner_email,
        "created_time": cookie.created_time,
        "expire_time": cookie.expire_time,
        "name": cookie.name[:MOST_NAME_LENGTH],
        "avatar_url": cookie.avatar_url[:MOST_AVATAR_URL_LENGTH],
        "avatar": cookie.avatar.content if cookie.avatar else None,
        "avatar_type": cookie.avatar.content_type if cookie.avatar else None,
        "is_current": False,
        "original_id": cookie.jar.original_id,
        "jar": vault.encrypt(cookie.jar.to_json().encode()),
        "revision": (cookie.created_time - _EPOCH) // _MICROSECOND,
        "health": cookie.health,
        "cooling_until": cookie.cooling_until,
    }
