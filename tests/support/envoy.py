"""A real Envoy for tests, with the configuration that the gateway's own command writes."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import requests
import yaml

from deploy.local.ports import LOOPBACK, ReservedPort
from deploy.local.processes import Launcher, RunningProgram
from deploy.local.programs import ROOT, Programs
from deploy.local.readiness import await_answer
from gateway.configure import configure
from gateway.contract import Contract
from gateway.settings import load
from services.chassis.mutual_tls import TlsFiles
from tests.support import unix_http

Edit = Callable[[Any], None]
Settings = Mapping[str, str | int]


@dataclass(frozen=True)
class RunningEnvoy:
    """An Envoy that has taken up its configuration."""

    program: RunningProgram
    port: int
    admin_socket: Path
    log: Path

    @property
    def address(self) -> str:
        """host:port for callers."""
        return f"{LOOPBACK}:{self.port}"

    def call(
        self,
        verb: str,
        path: str,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> requests.Response:
        """One HTTP request on a connection of its own; `path` goes out as it is. `more` is for requests."""
        all_headers = dict(headers or {})
        if token is not None:
            all_headers["Authorization"] = f"Bearer {token}"
        with requests.Session() as session:
            session.trust_env = False
            url = f"http://{self.address}{path}"
            return session.request(verb, url, headers=all_headers, timeout=30, **more)


def configuration_environment(tls: TlsFiles, settings: Settings) -> dict[str, str]:
    """An environment with the gateway's certificate and the settings given, and no others."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "gen"))),
        "TLS_CA_FILE": str(tls.ca_file),
        "TLS_CERTIFICATE_FILE": str(tls.certificate_file),
        "TLS_KEY_FILE": str(tls.key_file),
        **{name: str(value) for name, value in settings.items()},
    }


def write_configuration(output: Path, environment: Mapping[str, str]) -> None:
    """What `python -m gateway.configure --output OUTPUT` does, without the start of another Python."""
    with patch.dict(os.environ, environment, clear=True):
        configure(output, load(), Contract.load())


@contextlib.contextmanager
def running_envoy(
    folder: Path, tls: TlsFiles, settings: Settings, edit: Edit | None = None
) -> Iterator[RunningEnvoy]:
    """Configures and starts Envoy on free ports in `folder`, waits until it is live, and stops it in the end.

    `edit` may change the configuration as parsed, where waiting for a production timeout would be too long.
    """
    gateway = ReservedPort.reserve()
    configuration = folder / "envoy.yaml"
    with contextlib.ExitStack() as held:
        held.callback(gateway.release)
        admin = held.enter_context(unix_http.socket_path())
        own: Settings = {"GATEWAY_PORT": gateway.number, "ENVOY_ADMIN_SOCKET": str(admin)}
        environment = configuration_environment(tls, {**own, **settings})
        write_configuration(configuration, environment)
        if edit is not None:
            parsed = yaml.safe_load(configuration.read_text("utf-8"))
            edit(parsed)
            configuration.write_text(yaml.safe_dump(parsed), "utf-8")
        programs = Programs(folder)
        program = Launcher().start(programs.envoy("gateway", configuration, environment))
        held.callback(program.stop)
        await_answer(program, lambda: _is_live(admin))
        yield RunningEnvoy(program, gateway.number, admin, programs.log("gateway"))


def _is_live(admin: Path) -> bool:
    try:
        return unix_http.get(admin, "/ready") == b"LIVE\n"
    except (OSError, ValueError):
        return False
