"""PgBouncer in transaction mode before a PostgreSQL server of the tests.

`pytest --pgbouncer` leads every Database through it. What has sessions of its own, such as LISTEN, goes past it, as
it does in production.
"""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from deploy.local.postgres import PostgresServer
from deploy.local.postgres_account import PostgresAccount
from deploy.local.processes import Launcher, Program
from services.chassis.postgres.database import SESSION, Database
from tests.support.debian_programs import debian_program
from tests.support.waiting import wait_until

PORT = 6432
# What the documented pgbouncer.ini sets for each session; a test compares them.
CONNECT_QUERY = "; ".join(f"SET {name} = {value}" for name, value in SESSION.items() if name != "TimeZone")


class PgBouncer:
    """A running PgBouncer. Roles are added as they are first used."""

    def __init__(self, folder: Path, host: str, port: int, launcher: Launcher) -> None:
        """Starts it in `folder`, before the PostgreSQL server on `host`, a name or a socket's folder."""
        self._folder = folder
        self._users: dict[str, str] = {}
        account = PostgresAccount.for_current_user()
        account.take_over(folder)
        self._configure(host, port)
        self._program = launcher.start(
            Program(
                name="pgbouncer",
                command=(debian_program("pgbouncer", "pgbouncer"), str(folder / "pgbouncer.ini")),
                environment={},
                log=folder / "pgbouncer.log",
                launch_prefix=account.launch_prefix,
            )
        )
        # Until then, the signal by which it reads its roles again would end it.
        socket = folder / f".s.PGSQL.{PORT}"
        wait_until(socket.exists, "PgBouncer listens")

    def url(self, role: str, password: str, database: str) -> str:
        """Returns the URL of a database through PgBouncer."""
        if self._users.get(role) != password:
            self._users[role] = password
            self._write_users()
            os.kill(self._program.pid, signal.SIGHUP)
            self._await_login(role, password, database)
        return self._url(role, password, database)

    def _url(self, role: str, password: str, database: str) -> str:
        return f"postgresql://{role}:{password}@localhost:{PORT}/{database}?host={self._folder}"

    def _await_login(self, role: str, password: str, database: str) -> None:
        def logs_in() -> bool:
            try:
                psycopg.connect(self._url(role, password, database)).close()
            except psycopg.OperationalError:
                return False
            return True

        wait_until(logs_in, "PgBouncer knows the role")

    def _configure(self, host: str, port: int) -> None:
        self._write_users()
        (self._folder / "pgbouncer.ini").write_text(
            f"""[databases]
* = host={host} port={port} connect_query='{CONNECT_QUERY}'

[pgbouncer]
unix_socket_dir = {self._folder}
listen_port = {PORT}
pool_mode = transaction
auth_type = scram-sha-256
auth_file = {self._folder}/userlist.txt
max_client_conn = 1000
default_pool_size = 20
server_login_retry = 1
"""
        )

    def _write_users(self) -> None:
        lines = [f'"{role}" "{password}"\n' for role, password in self._users.items()]
        (self._folder / "userlist.txt").write_text("".join(lines))


@contextmanager
def databases_through_pgbouncer(server: PostgresServer) -> Iterator[None]:
    """Leads every Database on `server` that is made during the block through PgBouncer."""
    original = Database.__init__
    launcher = Launcher()
    with tempfile.TemporaryDirectory(prefix="fastmp-pgbouncer-") as folder:
        pooler = PgBouncer(Path(folder), str(server.socket_directory), 5432, launcher)

        def through(self: Database, url: str, *arguments: object, **options: object) -> None:
            parts = urlsplit(url)
            if parse_qs(parts.query).get("host") == [str(server.socket_directory)]:
                database = parts.path.removeprefix("/")
                url = pooler.url(parts.username or "", parts.password or "", database)
                options["pooled"] = True
            original(self, url, *arguments, **options)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Database, "__init__", through)
            try:
                yield
            finally:
                launcher.close()
