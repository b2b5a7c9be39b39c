"""Real Envoy in front of stand-ins for the three services."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from services.chassis.mutual_tls import TlsFiles
from tests.gateway.stand_ins import ADMIN_TOKEN, SERVICES, StandIn, start
from tests.support.envoy import Edit, RunningEnvoy, Settings, running_envoy

StartService = Callable[..., StandIn]
StartGateway = Callable[..., "Gateway"]


def route(configuration: Any, name: str) -> Any:
    """The route of that name in a parsed configuration."""
    routes = _manager(configuration)["route_config"]["virtual_hosts"][0]["routes"]
    return next(one for one in routes if one["name"] == name)


def http_filters(configuration: Any) -> list[Any]:
    """The HTTP filters of a parsed configuration."""
    filters: list[Any] = _manager(configuration)["http_filters"]
    return filters


def _manager(configuration: Any) -> Any:
    listener = configuration["static_resources"]["listeners"][0]
    return listener["filter_chains"][0]["filters"][0]["typed_config"]


@dataclass(frozen=True)
class Gateway:
    """Envoy and what is behind it."""

    envoy: RunningEnvoy
    services: Mapping[str, StandIn]

    def get(self, path: str, token: str | None = ADMIN_TOKEN, **more: Any) -> requests.Response:
        return self.envoy.call("GET", path, token, **more)

    def put(self, path: str, token: str | None = ADMIN_TOKEN, **more: Any) -> requests.Response:
        return self.envoy.call("PUT", path, token, **more)

    def post(self, path: str, token: str | None = ADMIN_TOKEN, **more: Any) -> requests.Response:
        return self.envoy.call("POST", path, token, **more)


def addresses(services: Mapping[str, StandIn]) -> dict[str, str]:
    """The settings that name where `services` listen."""
    found = {}
    for name, service in services.items():
        found[f"{name.upper()}_ADDRESSES"] = f"127.0.0.1:{service.server.port}"
        found[f"{name.upper()}_OPS_ADDRESSES"] = f"127.0.0.1:{service.server.operations_port}"
    return found


@pytest.fixture(scope="session")
def running_services(certificates: Mapping[str, TlsFiles]) -> Iterator[Mapping[str, StandIn]]:
    services = {name: start(name, certificates[name]) for name in SERVICES}
    yield services
    for service in services.values():
        service.server.stop(drain_seconds=0, grace_seconds=0)


@pytest.fixture
def services(running_services: Mapping[str, StandIn]) -> Mapping[str, StandIn]:
    """The shared stand-ins, without the answers of the test before. A test gives answers, and stops none."""
    for service in running_services.values():
        service.forget()
    return running_services


@pytest.fixture
def start_service(certificates: Mapping[str, TlsFiles]) -> Iterator[StartService]:
    """Starts a stand-in that the test may stop, by its name and, if it is another, that of its certificate."""
    started: list[StandIn] = []

    def start_one(service: str, certificate: str | None = None) -> StandIn:
        started.append(start(service, certificates[certificate or service]))
        return started[-1]

    yield start_one
    for service in started:
        service.server.stop(drain_seconds=0, grace_seconds=0)


@pytest.fixture(scope="session")
def shared_envoy(
    running_services: Mapping[str, StandIn],
    certificates: Mapping[str, TlsFiles],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningEnvoy]:
    folder = tmp_path_factory.mktemp("gateway")
    # Tests call more often than a single client may.
    settings: Settings = {**addresses(running_services), "PUBLIC_REQUESTS_PER_SECOND": 10_000}
    with running_envoy(folder, certificates["gateway"], settings) as envoy:
        yield envoy


@pytest.fixture
def gateway(shared_envoy: RunningEnvoy, services: Mapping[str, StandIn]) -> Gateway:
    """The gateway with its default settings."""
    return Gateway(shared_envoy, services)


@pytest.fixture
def start_gateway(
    services: Mapping[str, StandIn], certificates: Mapping[str, TlsFiles], tmp_path: Path
) -> Iterator[StartGateway]:
    """Starts a gateway of the test's own: settings by keyword, other services by `behind`."""
    numbers = itertools.count(1)
    with ExitStack() as stack:

        def start_one(
            behind: Mapping[str, StandIn] | None = None, edit: Edit | None = None, **settings: str | int
        ) -> Gateway:
            folder = tmp_path / f"gateway-{next(numbers)}"
            folder.mkdir()
            all_settings = {**addresses(behind or services), **settings}
            envoy = stack.enter_context(running_envoy(folder, certificates["gateway"], all_settings, edit))
            return Gateway(envoy, behind or services)

        yield start_one
