"""The lines for pgBackRest in docs/operations/backup.md, with Debian's pgBackRest and PostgreSQL 15.

Debian 12's pgBackRest does not know PostgreSQL 18; the lines are the same. The packages are only unpacked.
"""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from deploy.local.postgres_account import PostgresAccount

GUIDE = Path(__file__).parents[3] / "docs" / "operations" / "backup.md"
PACKAGES = ("pgbackrest", "postgresql-15")
BLOCK = re.compile(r"```(ini|sh)\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Cluster:
    """A cluster of the unpacked PostgreSQL in `folder`, and pgBackRest beside it."""

    folder: Path
    binaries: Path
    environment: Mapping[str, str]

    def run(self, *command: str) -> None:
        """Runs a command as the account of the cluster; the test fails if it does."""
        done = subprocess.run(
            (*PostgresAccount.for_current_user().launch_prefix, *command),
            env=dict(self.environment),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"

    @contextlib.contextmanager
    def running(self) -> Iterator["psycopg.Connection[tuple[int]]"]:
        control = (str(self.binaries / "pg_ctl"), "-D", str(self.data), "-w")
        self.run(*control, "-l", str(self.folder / "log"), "start")
        try:
            with psycopg.connect(
                f"host={self.folder} user=postgres dbname=postgres", autocommit=True
            ) as session:
                yield session
        finally:
            self.run(*control, "stop")

    @property
    def data(self) -> Path:
        return self.folder / "data"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("debian")
    if shutil.which("apt-get") is None:
        pytest.skip("pgBackRest is a Debian package, and there is no apt-get")
    got = subprocess.run(
        ("apt-get", "-q", "download", *PACKAGES), cwd=folder, capture_output=True, text=True, check=False
    )
    if got.returncode != 0:
        pytest.skip("Debian's packages pgbackrest and postgresql-15 cannot be had here: " + got.stderr[-200:])
    for package in folder.glob("*.deb"):
        subprocess.run(("dpkg-deb", "-x", package, folder), check=True)
    return folder


@pytest.fixture
def cluster(packages: Path, tmp_path: Path) -> Cluster:
    binaries = packages / "usr/lib/postgresql/15/bin"
    environment = {
        "PATH": f"{packages / 'usr/bin'}:{os.environ['PATH']}",
        "LC_ALL": "C",
        "TZ": "UTC",
        # The guide's file is /etc/pgbackrest.conf; these are what a package of the system sets up itself.
        "PGBACKREST_CONFIG": str(tmp_path / "pgbackrest.conf"),
        "PGBACKREST_LOCK_PATH": str(tmp_path / "lock"),
        "PGBACKREST_LOG_LEVEL_FILE": "off",
        "PGBACKREST_PG1_SOCKET_PATH": str(tmp_path),
        "PGBACKREST_PG1_USER": "postgres",
    }
    PostgresAccount.for_current_user().take_over(tmp_path)
    return Cluster(tmp_path, binaries, environment)


def blocks(language: str, word: str) -> list[str]:
    """The guide's blocks of a language that have the word in them."""
    return [text for kind, text in BLOCK.findall(GUIDE.read_text()) if kind == language and word in text]


@pytest.mark.timeout(240)
def test_the_lines_of_the_guide_restore_a_point_in_time(cluster: Cluster) -> None:
    [configuration] = blocks("ini", "[identity]")
    [archiving] = blocks("ini", "archive-push")
    daily, restoring = blocks("sh", "pgbackrest ")
    placed = configuration.replace("/var/lib/postgresql/18/main", str(cluster.data))
    placed = placed.replace("/var/lib/pgbackrest", str(cluster.folder / "repository"))
    (cluster.folder / "pgbackrest.conf").write_text(placed)
    cluster.run(
        str(cluster.binaries / "initdb"),
        "-D",
        str(cluster.data),
        "--username=postgres",
        "--auth=trust",
        "--encoding=UTF8",
    )
    with (cluster.data / "postgresql.conf").open("a") as file:
        file.write(f"{archiving}\nlisten_addresses = ''\nunix_socket_directories = '{cluster.folder}'\n")

    with cluster.running() as session:
        for line in daily.splitlines():
            cluster.run("sh", "-c", line)
        session.execute("CREATE TABLE codes (number int)")
        session.execute("INSERT INTO codes VALUES (1)")
        row = session.execute("SELECT clock_timestamp()::text").fetchone()
        assert row is not None
        session.execute("INSERT INTO codes VALUES (2)")
    cluster.run("sh", "-c", restoring.replace("2026-01-31 12:00:00+00", str(row[0])))

    with cluster.running() as session:
        assert session.execute("SELECT number FROM codes").fetchall() == [(1,)]
