"""PostgreSQL with a WAL archive, and clusters recovered from it to points in time."""

import contextlib
import datetime
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from deploy.local.backup_cluster import restore_base_backup, take_base_backup
from deploy.local.databases import ensure_owned_database
from deploy.local.postgres import PostgresServer
from deploy.local.postgres_account import PostgresAccount
from deploy.local.processes import Launcher
from deploy.local.topology import SERVICES
from tests.support.postgres import THROW_AWAY
from tests.support.waiting import wait_until

ARCHIVED_SECONDS = 60


@dataclass(frozen=True)
class Archive:
    """A folder with a WAL archive, a base backup and the clusters; the passwords are those of all clusters."""

    folder: Path
    superuser_password: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    password: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    @contextlib.contextmanager
    def recorded(self) -> Iterator[PostgresServer]:
        """A server with the services' databases, whose WAL is complete in the archive at the end."""
        self._wal.mkdir()
        PostgresAccount.for_current_user().take_over(self._wal)
        command = f"test ! -f {self._wal}/%f && cp %p {self._wal}/%f"
        options = {"archive_mode": "on", "archive_command": command, "synchronous_commit": "on"}
        with self._running("recorded", options) as server:
            for service in SERVICES:
                ensure_owned_database(server.url("postgres"), name=service, password=self.password)
            yield server
            with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
                last = connection.execute("SELECT pg_walfile_name(pg_current_wal_lsn())").fetchone()
                assert last is not None
                connection.execute("SELECT pg_switch_wal()")
                wait_until((self._wal / last[0]).exists, "all WAL is archived", ARCHIVED_SECONDS)

    def back_up(self, server: PostgresServer) -> None:
        """Takes the base backup."""
        take_base_backup(server, self.superuser_password, self.folder / "base")

    @contextlib.contextmanager
    def recovered(self, name: str, time: datetime.datetime) -> Iterator[PostgresServer]:
        """A server with everything that was committed by `time`."""
        restore_base_backup(self.folder / "base", self.folder / name)
        signal = self.folder / name / "data" / "recovery.signal"
        signal.touch()
        PostgresAccount.for_current_user().take_over(signal)
        options = {
            "restore_command": f"cp {self._wal}/%f %p",
            "recovery_target_time": time.isoformat(),
            "recovery_target_action": "promote",
        }
        with self._running(name, options) as server:
            wait_until(lambda: _is_promoted(server), f"{name} is recovered", ARCHIVED_SECONDS)
            yield server

    def url(self, server: PostgresServer, service: str) -> str:
        """The URL of the service's database there."""
        return server.url(service, role=service, password=self.password)

    @property
    def _wal(self) -> Path:
        return self.folder / "wal"

    @contextlib.contextmanager
    def _running(self, name: str, options: Mapping[str, str]) -> Iterator[PostgresServer]:
        launcher = Launcher()
        server = PostgresServer(
            self.folder / name,
            log=self.folder / f"{name}.log",
            superuser_password=self.superuser_password,
            launcher=launcher,
            options={**THROW_AWAY, **options},
        )
        try:
            server.start()
            yield server
        finally:
            server.stop()
            launcher.close()


def _is_promoted(server: PostgresServer) -> bool:
    with psycopg.connect(server.url("postgres")) as connection:
        row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
    return row == (False,)
