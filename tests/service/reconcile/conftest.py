"""Fixtures: the services' databases, rows in them as of different moments, and the command."""

import datetime
import hashlib
import secrets
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from sqlalchemy import Connection, text

from services.activation.codes.iso_time import iso_text
from services.activation.redeeming.code_deletion import CodeDeletion
from services.activation.redeeming.entitlements import Entitlements, tasks
from services.activation.tables import audit as activation_audit
from services.chassis.audit.recording import AuditLog
from services.chassis.jobs.queue import Jobs
from services.chassis.postgres.database import Database
from services.identity.accounts import accounts
from services.identity.accounts.accounts import NewAccount
from services.identity.accounts.activations import Activations, Grant
from services.identity.accounts.transactions import AccountTransactions
from services.identity.tables import audit as identity_audit
from services.reconcile.__main__ import reconcile
from services.reconcile.settings import ReconcileSettings
from services.wechat_cookie.cookies import cascade
from tests.support.postgres import FreshDatabase

SERVICES = ("identity", "activation", "wechat_cookie", "notifications")
KEYS = {f"{service}_audit_key": secrets.token_hex(32) for service in SERVICES}
# Whole microseconds and days, as the services store them.
REDEEMED = datetime.datetime(2040, 1, 1, 12, 0, 0, 123456, tzinfo=datetime.UTC)
DAYS = 30
END = REDEEMED + datetime.timedelta(days=DAYS)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def code() -> str:
    return secrets.token_hex(16)


@dataclass(frozen=True)
class Person:
    """An account, which may be in some of the databases."""

    id: uuid.UUID
    email: str


def person() -> Person:
    return Person(uuid.uuid4(), f"{secrets.token_hex(6)}@example.com")


@dataclass(frozen=True)
class FastMP:
    """The databases. What a method writes is what the service itself would have written there."""

    databases: Mapping[str, Database]
    settings: ReconcileSettings = field(repr=False)

    def rows(self, service: str, query: str, **values: object) -> list[tuple[Any, ...]]:
        with self.databases[service].reading() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    def digest(self) -> str:
        """The same as long as nothing is written to any of the databases."""
        total = hashlib.sha256()
        for service in SERVICES:
            tables = self.rows(
                service, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
            )
            for (table,) in tables:
                total.update(
                    repr(self.rows(service, f"SELECT t::text FROM {table} AS t ORDER BY 1")).encode()
                )
        return total.hexdigest()

    def reconciled(self, *kinds: str) -> None:
        """Reconciles and expects these inconsistencies: a dry run writes nothing, and a repeat finds nothing."""
        before = self.digest()
        planned = reconcile(self.settings, applies=False, ends_tokens=True)
        assert self.digest() == before
        report = reconcile(self.settings, applies=True, ends_tokens=False)
        assert found(report.lines()) == found(planned.lines()) == sorted(kinds)
        after = self.digest()
        assert reconcile(self.settings, applies=True, ends_tokens=False).total == 0
        assert self.digest() == after

    # Identity

    def registers(self, one: Person, role: str = "user") -> Person:
        with self.transactions.begin() as transaction:
            accounts.create(transaction, NewAccount(one.id, one.email, "no hash", role))
        return one

    def deletes(self, one: Person) -> None:
        with self.transactions.begin() as transaction:
            accounts.remove(transaction, one.id)

    def applies(
        self,
        one: Person,
        activation_code: str,
        redeemed: datetime.datetime = REDEEMED,
        added_days: int | None = None,
    ) -> datetime.datetime | None:
        end = redeemed + datetime.timedelta(days=DAYS)
        grant = Grant(expired_time=end) if added_days is None else Grant(added_days=added_days)
        return Activations(self.transactions).apply(one.id, activation_code, grant, redeemed).expired_time

    def access(self, one: Person) -> tuple[Any, ...]:
        query = "SELECT activation_status, activation_code, expired_time FROM accounts WHERE id = :id"
        return next(iter(self.rows("identity", query, id=one.id)), ())

    @property
    def transactions(self) -> AccountTransactions:
        log = AuditLog(identity_audit, KEYS["identity_audit_key"].encode(), now)
        return AccountTransactions(self.databases["identity"], now, log, lambda _id, _sequence: None)

    # Activation

    def generates(self, activation_code: str, days_from: str = "now") -> None:
        self._insert_code(activation_code, "pending", days_from, (None, None, None, None))

    def claims(
        self,
        one: Person,
        activation_code: str,
        redeemed: datetime.datetime = REDEEMED,
        days_from: str = "now",
    ) -> None:
        end = redeemed + datetime.timedelta(days=DAYS)
        claim = (one.id, one.email, iso_text(redeemed), iso_text(end))
        self._insert_code(activation_code, "active", days_from, claim)

    def deletes_code(self, activation_code: str) -> None:
        """As an admin, while Identity is unavailable."""
        database, log = self.databases["activation"], self._activation_log
        with grpc.insecure_channel("127.0.0.1:1") as nowhere:
            entitlements = Entitlements(nowhere, database, log, now)
            jobs = Jobs(self.settings.activation_database_url, tasks(entitlements, database))
            CodeDeletion(database, jobs, entitlements, log).delete(activation_code)

    def follows(self, service: str, sequence: int) -> None:
        with self.databases[service].transaction() as connection:
            connection.execute(text("UPDATE feed_cursor SET sequence = :at"), {"at": sequence})

    def stored(self, activation_code: str) -> tuple[Any, ...]:
        query = """SELECT activation_status, account_id, user_email, activation_time, expiry_date, valid_days
            FROM activation_codes WHERE activation_code = :code"""
        return next(iter(self.rows("activation", query, code=activation_code)), ())

    @property
    def _activation_log(self) -> AuditLog:
        return AuditLog(activation_audit, KEYS["activation_audit_key"].encode(), now)

    def _insert_code(self, activation_code: str, status: str, days_from: str, claim: tuple[Any, ...]) -> None:
        names = ("account_id", "user_email", "activation_time", "expiry_date")
        with self.databases["activation"].transaction() as connection:
            connection.execute(
                text(
                    """INSERT INTO activation_codes (id, activation_code, activation_status, valid_days, days_from,
                        create_time, update_time, account_id, user_email, activation_time, expiry_date)
                    VALUES (gen_random_uuid(), :code, :status, :days, :days_from, :time, :time,
                        :account_id, :user_email, :activation_time, :expiry_date)"""
                ),
                {
                    "code": activation_code,
                    "status": status,
                    "days": DAYS,
                    "days_from": days_from,
                    "time": iso_text(REDEEMED - datetime.timedelta(days=1)),
                    **dict(zip(names, claim, strict=True)),
                },
            )

    # WeChatCookie

    def scans(self, one: Person) -> str:
        """A cookie of the account; returns its token."""
        token = str(secrets.randbelow(10**12))
        with self.databases["wechat_cookie"].transaction() as connection:
            _insert_cookie(connection, one, token)
        return token

    def cascades(self, one: Person) -> None:
        with self.databases["wechat_cookie"].transaction() as connection:
            cascade.delete_owner(connection, one.id, now())

    def cookies(self) -> list[tuple[Any, ...]]:
        return self.rows("wechat_cookie", "SELECT owner_id FROM cookies")


def _insert_cookie(connection: Connection, one: Person, token: str) -> None:
    connection.execute(
        text(
            """INSERT INTO cookies (id, token, owner_id, owner_email, created_time, expire_time, is_current,
                jar, revision)
            VALUES (gen_random_uuid(), :token, :owner, :email, now(), now() + interval '1 day', true, 'jar', 1)"""
        ),
        {"token": token, "owner": one.id, "email": one.email},
    )


def found(lines: Iterator[str]) -> list[str]:
    """The kinds in a report, sorted."""
    return sorted(line.split(": ")[1] for line in lines if not line.startswith("inconsistencies"))


@pytest.fixture
def fastmp(fresh_database: FreshDatabase) -> Iterator[FastMP]:
    urls = {service: fresh_database(service) for service in SERVICES}
    settings = ReconcileSettings.model_validate(
        {**{f"{service}_database_url": url for service, url in urls.items()}, **KEYS}
    )
    with ExitStack() as held:
        databases = {}
        for service, url in urls.items():
            databases[service] = Database(url, pool_size=2, application_name="test")
            held.callback(databases[service].dispose)
        made = FastMP(databases, settings)
        made.registers(person(), "admin")
        yield made
