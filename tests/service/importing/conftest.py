"""Fixtures: the databases of the three services, the FastMP that is imported, and the commands that do it."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from psycopg import sql
from sqlalchemy import text

from deploy.local.postgres import PostgresServer
from services.activation.importing.command import import_fastmp as import_codes
from services.activation.settings import ActivationSettings
from services.chassis.clock import utc_now
from services.chassis.mutual_tls import TlsFiles
from services.chassis.postgres.database import Database
from services.identity.importing.command import import_fastmp as import_accounts
from services.identity.settings import IdentitySettings
from services.wechat_cookie.importing.command import import_fastmp as import_cookies
from services.wechat_cookie.settings import WeChatCookieSettings
from tests.support.old_fastmp import OldFastMP
from tests.support.postgres import FreshDatabase

# What of each database an import may change, but for audit entries' times.
TABLES = {
    "identity": ("accounts", "account_activations", "account_changes", "account_feed", "audit_log"),
    "activation": ("activation_codes", "audit_log"),
    "wechat_cookie": ("cookies", "audit_log"),
}


@dataclass(frozen=True)
class NewFastMP:
    """The three services' databases and settings."""

    databases: Mapping[str, Database]
    urls: Mapping[str, str] = field(repr=False)
    identity: IdentitySettings
    activation: ActivationSettings
    wechat_cookie: WeChatCookieSettings

    def rows(self, service: str, query: str, **values: object) -> list[tuple[Any, ...]]:
        with self.databases[service].reading() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    def digest(self) -> str:
        """The same as long as nothing is written to any of the databases."""
        total = hashlib.sha256()
        for service, tables in TABLES.items():
            for table in tables:
                rows = self.rows(service, f"SELECT t::text FROM {table} AS t ORDER BY t::text")
                total.update(repr(rows).encode())
        return total.hexdigest()


@pytest.fixture
def new(
    fresh_database: FreshDatabase, certificates: Mapping[str, TlsFiles], tmp_path: Path
) -> Iterator[NewFastMP]:
    urls = {service: fresh_database(service) for service in TABLES}
    tls = certificates["identity"]
    common = {
        "tls_ca_file": tls.ca_file,
        "tls_certificate_file": tls.certificate_file,
        "tls_key_file": tls.key_file,
        "audit_key": "test-only-audit-key-5f2c9e71b8d04a36",
        "fastmp_state_dir": tmp_path / "new",
    }
    own = {
        "jwt_secret": "test-only-jwt-secret-91c04e7f2ab5d836",
        "cookie_keys": Fernet.generate_key().decode(),
        **{f"{service}_database_url": url for service, url in urls.items()},
    }
    with ExitStack() as held:
        databases = {service: Database(url, pool_size=4) for service, url in urls.items()}
        for database in databases.values():
            held.callback(database.dispose)
        yield NewFastMP(
            databases,
            urls,
            IdentitySettings.model_validate(common | own),
            ActivationSettings.model_validate(common | own),
            WeChatCookieSettings.model_validate(common | own),
        )


@pytest.fixture
def postgres_source(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of an empty database that is no service's."""
    name = sql.Identifier("old_fastmp")
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        yield postgres_server.url("old_fastmp")
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@pytest.fixture
def old(tmp_path: Path) -> OldFastMP:
    """An SQLite database and a folder."""
    files = tmp_path / "old"
    files.mkdir()
    return OldFastMP(f"sqlite:///{files / 'fastmp.db'}", files)


Importing = Callable[[OldFastMP], list[str]]


@pytest.fixture
def importing(
    new: NewFastMP, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Importing:
    """Runs the three commands in order, and returns the lines of their reports."""

    def run(old: OldFastMP) -> list[str]:
        monkeypatch.setenv("IMPORT_URL", old.url)
        monkeypatch.setenv("IMPORT_FILES", str(old.files))
        monkeypatch.setenv("IMPORT_HANDOVER_FILE", str(tmp_path / "handover.json"))
        capsys.readouterr()
        import_accounts(new.identity, utc_now)
        import_codes(new.activation, utc_now)
        import_cookies(new.wechat_cookie, utc_now)
        return capsys.readouterr().out.splitlines()

    return run
