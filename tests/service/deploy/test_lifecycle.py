"""`python -m deploy.local` as a person meets it: ready, stopped, killed, refused. Nothing is ever left running."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import psycopg
import pytest
import requests

from deploy.local.databases import ensure_owned_database
from deploy.local.postgres import PostgresServer
from deploy.local.settings import LocalSettings
from deploy.local.topology import SERVICES
from tests.support.waiting import wait_until

READY = re.compile(r"FastMP is ready: (https?://\S+) \(state and logs in (\S+); Ctrl-C stops it\)\n")
FIRST_ADMIN = re.compile(r"first admin: (\S+), password (\S+) \(shown only this once\)\n")
START_SECONDS = 60

# They share a state directory, so that only the first one makes a database cluster.
pytestmark = pytest.mark.xdist_group("lifecycle")


@dataclass
class Run:
    """A started `python -m deploy.local`; `output` is what it has printed up to the ready line."""

    process: subprocess.Popen[str]
    output: str

    @property
    def gateway_url(self) -> str:
        found = READY.search(self.output)
        assert found is not None, self.output
        return found[1]

    def children(self) -> dict[str, psutil.Process]:
        """The stack's processes by the name of their log, without those that have just died."""
        found = {}
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                logs = [file.path for file in child.open_files() if "/logs/" in file.path]
                found.update({Path(log).stem: child for log in logs[:1]})
        return found

    def end(self, number: signal.Signals) -> tuple[int, str, str]:
        """Sends the signal; the exit status, and what was printed after the ready line."""
        everything = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(number)
        rest, errors = self.process.communicate(timeout=START_SECONDS)
        for one in everything:
            wait_until(partial(is_gone, one), f"{one} is gone")
        return self.process.returncode, rest, errors


def is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def environment(state: Path, **changes: str) -> dict[str, str]:
    ports = {name.upper(): "0" for name in LocalSettings.model_fields if name.endswith("_port")}
    own = {
        name: value for name, value in os.environ.items() if name.lower() not in LocalSettings.model_fields
    }
    return {**own, **ports, "FASTMP_STATE_DIR": str(state), "DRAIN_SECONDS": "0", **changes}


def spawn(variables: Mapping[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "deploy.local"]
    return subprocess.Popen(
        command, env=dict(variables), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@contextlib.contextmanager
def running(variables: Mapping[str, str]) -> Iterator[Run]:
    """A run that has said that it is ready."""
    process = spawn(variables)
    assert process.stdout is not None
    output = ""
    try:
        while not READY.search(output):
            line = process.stdout.readline()
            if not line:
                pytest.fail(f"it did not get ready: {output} {process.communicate()[1]}")
            output += line
        yield Run(process, output)
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=START_SECONDS)


def refused(variables: Mapping[str, str]) -> str:
    """What a run that must not start says to standard error."""
    process = spawn(variables)
    try:
        output, errors = process.communicate(timeout=START_SECONDS)
    finally:
        # Only a run that did start after all is still there.
        process.terminate()
        process.wait(START_SECONDS)
    assert process.returncode == 1, output + errors
    assert "ready" not in output
    return errors


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lifecycle")


def test_it_gets_ready_stops_on_ctrl_c_and_continues_with_its_state(state: Path) -> None:
    with running(environment(state)) as first:
        admin = FIRST_ADMIN.search(first.output)
        assert admin is not None
        assert requests.get(f"{first.gateway_url}/health", timeout=5).json()["status"] == "ok"
        assert first.children().keys() == {"postgres", "gateway", *SERVICES}
        status, rest, errors = first.end(signal.SIGINT)
    assert (status, rest, errors) == (0, "stopping\n", "")
    kept = (state / "secrets.json").read_bytes()

    with running(environment(state)) as second:
        assert FIRST_ADMIN.search(second.output) is None
        login = {"email": admin[1], "password": admin[2]}
        assert requests.post(f"{second.gateway_url}/auth/login", json=login, timeout=5).status_code == 200
        assert "ADMIN_PASSWORD" not in second.output
        status, *_ = second.end(signal.SIGTERM)
    assert status == 0
    assert (state / "secrets.json").read_bytes() == kept
    assert_no_secret_in_logs(state, [admin[2]])


def test_an_admin_password_for_an_existing_state_is_ignored_aloud(tmp_path: Path) -> None:
    with running(
        environment(tmp_path, ADMIN_PASSWORD="new-password-1", ADMIN_EMAIL="root@example.com")
    ) as made:
        assert "ADMIN_PASSWORD is ignored" not in made.output
        made.end(signal.SIGTERM)
    with running(
        environment(tmp_path, ADMIN_PASSWORD="new-password-2", ADMIN_EMAIL="root@example.com")
    ) as again:
        assert "ADMIN_PASSWORD is ignored: this state has an administrator already" in again.output
        assert "make reset-password EMAIL=root@example.com" in again.output
        assert "new-password" not in again.output
        for password, status in (("new-password-1", 200), ("new-password-2", 401)):
            login = {"email": "root@example.com", "password": password}
            answer = requests.post(f"{again.gateway_url}/auth/login", json=login, timeout=5)
            assert answer.status_code == status
        while_it_runs = reset_password(tmp_path)
        login = {"email": "root@example.com", "password": while_it_runs}
        assert requests.post(f"{again.gateway_url}/auth/login", json=login, timeout=5).status_code == 200
        again.end(signal.SIGTERM)
    while_it_does_not = reset_password(tmp_path, "off")
    assert while_it_does_not != while_it_runs
    assert_no_secret_in_logs(tmp_path, [while_it_runs, while_it_does_not])


def reset_password(state: Path, *arguments: str) -> str:
    """The new password that the command prints."""
    ended = subprocess.run(
        [sys.executable, "-m", "deploy.local.reset_password", "root@example.com", *arguments],
        env=environment(state),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.split()[-1]


def assert_no_secret_in_logs(state: Path, more: list[str]) -> None:
    secrets = [*json.loads((state / "secrets.json").read_text()).values(), *more]
    logs = "".join(path.read_text(errors="replace") for path in (state / "logs").iterdir())
    assert len(logs) > 1000
    assert [secret for secret in secrets if secret in logs] == []


def test_nothing_is_left_when_it_is_killed_and_the_next_start_works(state: Path) -> None:
    with running(environment(state)) as run:
        status, *_ = run.end(signal.SIGKILL)
    assert status == -signal.SIGKILL
    with running(environment(state)) as again:
        assert requests.get(f"{again.gateway_url}/health", timeout=5).status_code == 200
        again.end(signal.SIGTERM)


def test_the_release_before_starts_on_the_schema_of_a_later_one(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    """A later release added a table; this code, the one before it, is started on its databases."""
    urls = databases_of_ones_own(postgres_server, "rolled_back")
    with running(environment(tmp_path, **urls)) as later:
        later.end(signal.SIGTERM)
    for url in urls.values():
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE of_the_next_release (id bigint PRIMARY KEY)")
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with running(environment(tmp_path, **urls)) as run:
        assert requests.get(f"{run.gateway_url}/health", timeout=5).json()["status"] == "ok"
        run.end(signal.SIGTERM)


def test_a_second_run_on_the_same_state_is_turned_away_in_one_line(state: Path) -> None:
    with running(environment(state)) as run:
        errors = refused(environment(state))
        assert errors == f"FastMP: another local stack is running in {state} (FASTMP_STATE_DIR)\n"
        assert requests.get(f"{run.gateway_url}/health", timeout=5).status_code == 200


def test_ports_in_use_are_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        number = str(other.getsockname()[1])
        errors = refused(environment(tmp_path, GATEWAY_PORT=number))
    assert errors == f"FastMP: port {number} (GATEWAY_PORT) is in use\n"
    assert not (tmp_path / "postgres").exists()


def databases_of_ones_own(server: PostgresServer, prefix: str) -> dict[str, str]:
    """A database of each service on `server`, by the setting that names it."""
    urls = {}
    for service in SERVICES:
        name = f"{prefix}_{service}"
        ensure_owned_database(server.url("postgres"), name=name, password="own")
        urls[f"{service.upper()}_DATABASE_URL"] = server.url(name, role=name, password="own")
    return urls


def test_databases_of_ones_own_are_used_instead_of_the_embedded_one(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    urls = databases_of_ones_own(postgres_server, "own")
    with running(environment(tmp_path, **urls)) as run:
        assert run.children().keys() == {"gateway", *SERVICES}
        assert not (tmp_path / "postgres").exists()
        run.end(signal.SIGTERM)
    with psycopg.connect(urls["IDENTITY_DATABASE_URL"]) as connection:
        assert connection.execute("SELECT role FROM accounts").fetchall() == [("admin",)]


@pytest.mark.parametrize(
    "url", ["postgresql://a:canary-5512@localhost/a?host=/nowhere", "canary-5512 is no URL"]
)
def test_a_database_that_cannot_be_used_is_named_and_ends_the_start(tmp_path: Path, url: str) -> None:
    errors = refused(environment(tmp_path, ACTIVATION_DATABASE_URL=url))
    assert errors.startswith("FastMP: bad setting ACTIVATION_DATABASE_URL: ")
    assert errors.count("\n") == 1
    assert "canary-5512" not in errors


def test_ctrl_c_during_the_start_leaves_nothing_running(tmp_path: Path) -> None:
    process = spawn(environment(tmp_path))
    wait_until((tmp_path / "logs" / "migrate.log").exists, "the migrations have begun")
    everything = psutil.Process(process.pid).children(recursive=True)
    assert everything
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=START_SECONDS)
    assert (process.returncode, errors) == (0, "")
    assert "ready" not in output
    for one in everything:
        wait_until(partial(is_gone, one), f"{one} is gone")
