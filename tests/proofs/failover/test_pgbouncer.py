"""The services with PgBouncer in transaction mode before their databases."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from deploy.local.postgres import PostgresServer
from deploy.local.processes import Launcher
from deploy.local.topology import SERVICES
from tests.proofs.chaos.run import chaos
from tests.support.debian_programs import MissingProgramError, debian_program
from tests.support.pgbouncer import PgBouncer
from tests.support.postgres import FreshDatabase

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def program() -> None:
    try:
        debian_program("pgbouncer", "pgbouncer")
    except MissingProgramError as error:
        pytest.skip(str(error))


@pytest.fixture
def pooler(postgres_server: PostgresServer) -> Iterator[PgBouncer]:
    launcher = Launcher()
    with tempfile.TemporaryDirectory(prefix="fastmp-pgbouncer-") as folder:
        try:
            yield PgBouncer(Path(folder), str(postgres_server.socket_directory), 5432, launcher)
        finally:
            launcher.close()


@pytest.mark.timeout(1200)
def test_the_service_suite_passes_through_pgbouncer() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--pgbouncer", "-m", "not long"]
    folders = [f"tests/service/{name}" for name in ("chassis", *SERVICES, "importing")]
    done = subprocess.run([*command, *folders], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-10_000:]


@pytest.mark.timeout(300)
def test_a_stack_through_pgbouncer_keeps_its_promises(
    pooler: PgBouncer, fresh_database: FreshDatabase, tmp_path: Path
) -> None:
    settings = {}
    for service in SERVICES:
        direct = fresh_database(service)
        url = make_url(direct)
        settings[f"{service}_direct_database_url"] = direct
        pooled = pooler.url(str(url.username), str(url.password), str(url.database))
        settings[f"{service}_database_url"] = pooled
    with chaos(tmp_path / "state", {}, abandoned_seconds=2, databases=settings) as running:
        running.quiet(members=1)
        running.rest(print)
        assert running.check() == []
        logs = running.stack.state_directory / "logs"
        for service in SERVICES:
            assert "pooler_sets_no_timeouts" not in (logs / f"{service}.log").read_text()
