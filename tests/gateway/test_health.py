"""GET /health names the part that is not well, and costs no more when it is asked more."""

import json
import time
from collections.abc import Mapping
from typing import Any

from gateway import VERSION
from services.chassis.grpc_server.probe import serves
from services.chassis.mutual_tls import TlsFiles
from tests.gateway.conftest import Gateway, StartGateway, StartService
from tests.gateway.error_shape import assert_error
from tests.gateway.stand_ins import StandIn
from tests.support import unix_http
from tests.support.waiting import wait_until

ALL_OK = {"identity": "ok", "activation": "ok", "wechat_cookie": "ok", "notifications": "ok"}


def test_health_is_ok_when_every_part_is(start_gateway: StartGateway) -> None:
    gateway = start_gateway(FASTMP_ENV="staging")
    body = gateway.get("/health", token=None).json()
    assert body.pop("time").endswith("Z")
    assert body == {
        "status": "ok",
        "name": "FastMP",
        "version": VERSION,
        "env": "staging",
        "parts": ALL_OK,
    }


def test_health_names_the_part_that_is_down_and_recovers_by_itself(
    start_gateway: StartGateway, start_service: StartService, services: Mapping[str, StandIn]
) -> None:
    sick = start_service("activation")
    gateway = start_gateway({**services, "activation": sick})
    assert gateway.get("/health").status_code == 200
    sick.is_ready.clear()
    wait_until(lambda: _all_say(gateway, 503), "health notices")
    answer = gateway.get("/health")
    body = assert_error(answer, 503, 14, "PART_UNAVAILABLE")
    assert body["status"] == "unavailable"
    assert body["parts"] == {
        "identity": "ok",
        "activation": "unavailable",
        "wechat_cookie": "ok",
        "notifications": "ok",
    }
    assert body["details"][0]["metadata"] == {"parts": "activation"}
    assert answer.headers["x-request-id"] in answer.text
    sick.is_ready.set()
    wait_until(lambda: _all_say(gateway, 200), "health recovers")


def test_health_sees_a_service_that_is_gone(
    start_gateway: StartGateway, start_service: StartService, services: Mapping[str, StandIn]
) -> None:
    gone = start_service("wechat_cookie")
    gateway = start_gateway({**services, "wechat_cookie": gone})
    gone.server.stop(drain_seconds=0, grace_seconds=0)
    wait_until(lambda: _all_say(gateway, 503), "health notices")
    assert gateway.get("/health").json()["parts"]["wechat_cookie"] == "unavailable"


def test_health_tells_of_a_part_that_is_well_and_gets_no_calls(
    start_gateway: StartGateway,
    start_service: StartService,
    services: Mapping[str, StandIn],
    certificates: Mapping[str, TlsFiles],
) -> None:
    def look_once(configuration: Any) -> None:
        clusters = configuration["static_resources"]["clusters"]
        (check,) = next(one["health_checks"] for one in clusters if one["name"] == "activation")
        check["interval"] = check["no_traffic_interval"] = "600s"

    late = start_service("activation")
    late.is_ready.clear()
    operations = f"127.0.0.1:{late.server.operations_port}"
    wait_until(lambda: not serves("activation", operations, certificates["ops"], 3), "it is not ready")
    gateway = start_gateway({**services, "activation": late}, look_once)
    late.is_ready.set()
    wait_until(lambda: serves("activation", operations, certificates["ops"], 3), "it is ready")
    assert gateway.get("/activation/list").status_code == 503
    answer = gateway.get("/health")
    assert answer.status_code == 503
    assert answer.json()["parts"] == {
        "identity": "ok",
        "activation": "unavailable",
        "wechat_cookie": "ok",
        "notifications": "ok",
    }


def test_asking_often_asks_the_services_once_a_second_and_worker(start_gateway: StartGateway) -> None:
    gateway = start_gateway(PUBLIC_REQUESTS_PER_SECOND=10_000)
    admin = gateway.envoy.admin_socket
    workers = json.loads(unix_http.get(admin, "/server_info"))["command_line_options"]["concurrency"]
    begin = time.monotonic()
    for _ in range(100):
        assert gateway.get("/health").status_code == 200
    seconds = time.monotonic() - begin
    name = "cluster.identity_operations.upstream_rq_completed"
    stats = unix_http.get(admin, f"/stats?filter={name}").decode()
    assert 1 <= int(stats.split(": ")[1]) <= workers * (seconds + 1)


def _all_say(gateway: Gateway, status: int) -> bool:
    """Whether every worker says so; each remembers for itself."""
    return {gateway.get("/health").status_code for _ in range(10)} == {status}
