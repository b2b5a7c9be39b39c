"""The port of Envoy's statistics: for callers with a certificate, one path and nothing of the rest."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from deploy.local.ports import ReservedPort
from services.chassis.mutual_tls import TlsFiles
from tests.gateway.conftest import addresses
from tests.gateway.stand_ins import StandIn
from tests.support.envoy import RunningEnvoy, running_envoy

TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class Statistics:
    envoy: RunningEnvoy
    port: int
    certificates: Mapping[str, TlsFiles]

    def call(self, method: str, path: str, caller: str | None = "ops", **more: str) -> requests.Response:
        """A request by a caller with the certificate of that name, or without one."""
        certificate = None
        if caller is not None:
            tls = self.certificates[caller]
            certificate = (str(tls.certificate_file), str(tls.key_file))
        trusted = str(self.certificates["gateway"].ca_file)
        url = f"https://127.0.0.1:{self.port}{path}"
        return requests.request(
            method, url, cert=certificate, verify=trusted, timeout=TIMEOUT_SECONDS, headers=more
        )


@pytest.fixture(scope="module")
def statistics(
    tmp_path_factory: pytest.TempPathFactory,
    running_services: Mapping[str, StandIn],
    certificates: Mapping[str, TlsFiles],
) -> Iterator[Statistics]:
    folder: Path = tmp_path_factory.mktemp("statistics")
    port = ReservedPort.reserve()
    settings = {**addresses(running_services), "GATEWAY_METRICS_PORT": str(port.number)}
    try:
        with running_envoy(folder, certificates["gateway"], settings) as envoy:
            yield Statistics(envoy, port.number, certificates)
    finally:
        port.release()


def test_a_caller_with_a_certificate_gets_envoys_statistics(statistics: Statistics) -> None:
    answer = statistics.call("GET", "/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert "\nenvoy_server_uptime{} " in answer.text
    assert (
        'envoy_http_downstream_rq_xx{envoy_response_code_class="5",envoy_http_conn_manager_prefix="gateway"}'
        in (answer.text)
    )


@pytest.mark.parametrize("caller", [None, "stranger"])
def test_others_are_refused(statistics: Statistics, caller: str | None) -> None:
    with pytest.raises(requests.ConnectionError):
        statistics.call("GET", "/metrics", caller)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/stats/prometheus"),
        ("GET", "/metrics/"),
        ("GET", "/metrics/../config_dump"),
        ("GET", "/metrics%2f..%2fconfig_dump"),
        ("GET", "/metrics?filter=(a%2B)%2B"),
        ("GET", "/config_dump"),
        ("GET", "/certs"),
        ("POST", "/metrics"),
        ("POST", "/logging?level=trace"),
        ("POST", "/quitquitquit"),
        ("POST", "/reset_counters"),
    ],
)
def test_no_other_path_method_or_query_reaches_the_administration_interface(
    statistics: Statistics, method: str, path: str
) -> None:
    session = requests.Session()
    tls = statistics.certificates["ops"]
    session.cert, session.verify = (str(tls.certificate_file), str(tls.key_file)), str(tls.ca_file)
    request = session.prepare_request(requests.Request(method, f"https://127.0.0.1:{statistics.port}/"))
    # As it is: requests would resolve the dots.
    request.url = f"https://127.0.0.1:{statistics.port}{path}"
    answer = session.send(request, timeout=TIMEOUT_SECONDS)
    assert (answer.status_code, answer.text) == (404, "")


def test_rest_callers_do_not_get_them(statistics: Statistics) -> None:
    assert statistics.envoy.call("GET", "/metrics").status_code == 404
    assert statistics.envoy.call("GET", "/stats/prometheus").status_code == 404
