"""What the unit of deploy/systemd starts, without privileges and with its environment, and HTTPS at the gateway."""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import pytest
import urllib3

from deploy.local.postgres_account import PostgresAccount
from deploy.local.topology import SERVICES
from services.chassis.mutual_tls import TlsFiles
from tests.service.deploy.test_lifecycle import READY, START_SECONDS, environment, is_gone
from tests.support.systemd import ROOT, settings_of_the_unit
from tests.support.waiting import wait_until

# Not the default address, and a loopback address.
HOST = "127.0.0.2"
EMAIL = "root@example.com"

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("lifecycle")]


def unprivileged() -> tuple[str, ...]:
    """A command prefix that makes root an unprivileged user, who can read what is closed to others."""
    return PostgresAccount.for_current_user().launch_prefix


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder of the unit's user, which pytest's own are closed to."""
    with tempfile.TemporaryDirectory(prefix="fastmp-unit-") as name:
        if os.geteuid() == 0:
            shutil.chown(name, "nobody", "nogroup")
        yield Path(name)


@pytest.fixture(scope="module")
def variables(folder: Path, certificates: Mapping[str, TlsFiles]) -> dict[str, str]:
    """The unit's environment with folders and ports of the test, and a certificate."""
    own = dict(line.split("=", 1) for line in settings_of_the_unit("Environment"))
    for name in ("FASTMP_STATE_DIR", "TMPDIR"):
        own[name] = str(folder / name)
    folders = (own["TMPDIR"], own["FASTMP_STATE_DIR"])
    subprocess.run([*unprivileged(), "mkdir", "-m", "0700", *folders], check=True)
    for name in ("certificate_file", "key_file"):
        copy = folder / name
        shutil.copy(getattr(certificates["gateway"], name), copy)
        copy.chmod(0o644)
        own[f"GATEWAY_TLS_{name.upper()}"] = str(copy)
    return environment(Path(own["FASTMP_STATE_DIR"]), **own, GATEWAY_HOST=HOST, ADMIN_EMAIL=EMAIL)


@dataclass
class Unit:
    """The started unit: what it has printed, and the file of its standard error."""

    process: subprocess.Popen[str]
    output: str
    errors: Path
    authority: Path

    @property
    def port(self) -> int:
        found = READY.search(self.output)
        assert found is not None
        assert found[1].startswith(f"https://{HOST}:")
        return int(found[1].rpartition(":")[2])

    def gateway(self) -> urllib3.HTTPSConnectionPool:
        return urllib3.HTTPSConnectionPool(
            HOST,
            self.port,
            ca_certs=str(self.authority),
            server_hostname="localhost",
            assert_hostname="localhost",
            timeout=10,
        )

    def processes(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture(scope="module")
def unit(folder: Path, variables: dict[str, str], certificates: Mapping[str, TlsFiles]) -> Iterator[Unit]:
    (command,) = settings_of_the_unit("ExecStart")
    errors = folder / "stderr"
    # The journal gives a service a socket, which cannot be opened again by a name such as /dev/stderr.
    ours, theirs = socket.socketpair()
    copying = threading.Thread(target=copy, args=(ours, errors))
    copying.start()
    with subprocess.Popen(
        [*unprivileged(), *shlex.split(command)],
        cwd=ROOT,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=theirs.fileno(),
        text=True,
    ) as process:
        theirs.close()
        assert process.stdout is not None
        output = ""
        try:
            while not READY.search(output):
                line = process.stdout.readline()
                assert line, output + errors.read_text()
                output += line
            yield Unit(process, output, errors, certificates["gateway"].ca_file)
        finally:
            process.terminate()
            process.wait(START_SECONDS)
            copying.join()


def copy(source: socket.socket, target: Path) -> None:
    """Copies what comes until the other end is closed by all of its processes."""
    with source, target.open("wb", buffering=0) as file:
        while received := source.recv(1 << 16):
            file.write(received)


def test_the_gateway_speaks_https_and_nothing_else(unit: Unit) -> None:
    assert json.loads(unit.gateway().request("GET", "/health").data)["status"] == "ok"
    plain = urllib3.HTTPConnectionPool(HOST, unit.port, timeout=10, retries=False)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        plain.request("GET", "/health")


def test_no_process_is_roots(unit: Unit) -> None:
    processes = (psutil.Process(unit.process.pid), *unit.processes())
    assert not [one for one in processes if 0 in one.uids()]


def test_logs_go_to_standard_error_and_hold_no_password(unit: Unit, variables: dict[str, str]) -> None:
    written = unit.errors.read_text()
    lines = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
    assert {line["service"] for line in lines if "service" in line} == set(SERVICES)
    assert [line for line in lines if "upstream" in line], "Envoy's access log"
    assert "database system is ready to accept connections" in written
    logs = {log.stem for log in (Path(variables["FASTMP_STATE_DIR"]) / "logs").iterdir()}
    assert logs == {"migrate", "identity-admin", "gateway-configure"}
    kept = json.loads((Path(variables["FASTMP_STATE_DIR"]) / "secrets.json").read_text())
    assert not [name for name, secret in kept.items() if secret in written + unit.output]
    assert f"first admin: {EMAIL}; set a password with make reset-password EMAIL={EMAIL}\n" in unit.output


def test_the_first_admin_gets_a_password_beside_the_running_unit(
    unit: Unit, variables: dict[str, str]
) -> None:
    python = shlex.split(settings_of_the_unit("ExecStart")[0])[0]
    ended = subprocess.run(
        [*unprivileged(), python, "-m", "deploy.local.reset_password", EMAIL],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    login = {"email": EMAIL, "password": ended.stdout.split()[-1]}
    assert unit.gateway().request("POST", "/auth/login", json=login).status == 200


def test_sigterm_ends_all_of_it(unit: Unit) -> None:
    everything = unit.processes()
    assert len(everything) > len(SERVICES)
    unit.process.send_signal(signal.SIGTERM)
    assert unit.process.wait(START_SECONDS) == 0
    for one in everything:
        wait_until(partial(is_gone, one), f"{one} is gone")
