"""What callers see when a service is slow, gone, or not who it should be."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.errors import DatabaseUnavailableError
from tests.gateway.conftest import Gateway, StartGateway, StartService, addresses, route
from tests.gateway.error_shape import RETRY_INFO, assert_error
from tests.gateway.stand_ins import StandIn
from tests.support.waiting import wait_until


def test_a_service_that_is_gone_is_503_in_the_same_shape(
    start_gateway: StartGateway, start_service: StartService, services: Mapping[str, StandIn]
) -> None:
    gone = start_service("identity")
    gateway = start_gateway({**services, "identity": gone})
    assert gateway.get("/auth/me").status_code == 200
    gone.server.stop(drain_seconds=0, grace_seconds=0)
    answer = gateway.get("/auth/me")
    body = assert_error(answer, 503, 14, "SERVICE_UNAVAILABLE")
    assert body["details"][1] == {"@type": RETRY_INFO, "retry_delay": "1s"}
    assert answer.headers["retry-after"] == "1"
    assert gateway.get("/cookie/list").status_code == 200


def test_calls_of_any_kind_survive_the_loss_of_one_of_two_replicas(
    start_gateway: StartGateway, start_service: StartService, services: Mapping[str, StandIn]
) -> None:
    first, second = start_service("identity"), start_service("identity")
    both = ",".join(f"127.0.0.1:{one.server.port}" for one in (first, second))
    operations = ",".join(f"127.0.0.1:{one.server.operations_port}" for one in (first, second))
    gateway = start_gateway(IDENTITY_ADDRESSES=both, IDENTITY_OPS_ADDRESSES=operations)
    for _ in range(40):
        assert gateway.post("/auth/register", json={}).status_code == 200
    assert first.requests
    assert second.requests
    first.server.stop(drain_seconds=0, grace_seconds=0)
    statuses = [gateway.post("/auth/register", json={}).status_code for _ in range(60)]
    # A call that is sent into a connection which is just breaking may have been taken, so it is not repeated.
    lost = [status for status in statuses if status != 200]
    assert lost in ([], [503])


def test_a_replica_that_says_not_serving_gets_no_more_calls(
    start_gateway: StartGateway, start_service: StartService, services: Mapping[str, StandIn]
) -> None:
    draining = start_service("identity")
    gateway = start_gateway({**services, "identity": draining})
    draining.is_ready.clear()
    wait_until(lambda: gateway.get("/auth/me").status_code == 503, "no call is sent to it")
    draining.is_ready.set()
    wait_until(lambda: gateway.get("/auth/me").status_code == 200, "it gets calls again")


@pytest.mark.parametrize("certificate", ["stranger", "activation"])
def test_a_service_that_shows_somebody_elses_certificate_gets_no_calls(
    start_gateway: StartGateway,
    start_service: StartService,
    services: Mapping[str, StandIn],
    certificate: str,
) -> None:
    impostor = start_service("identity", certificate)
    gateway = start_gateway({**services, "identity": impostor})
    assert_error(gateway.get("/auth/me"), 503, 14, "SERVICE_UNAVAILABLE")
    assert impostor.requests == []


def test_a_call_that_takes_too_long_is_504(start_gateway: StartGateway) -> None:
    def edit(configuration: Any) -> None:
        assert route(configuration, "IdentityService.GetMe")["route"]["timeout"] == "32s"
        route(configuration, "IdentityService.GetMe")["route"]["timeout"] = "0.3s"

    gateway = start_gateway(edit=edit)
    over = threading.Event()

    def wait(_: object, context: grpc.ServicerContext) -> pb.Account:
        context.add_callback(over.set)
        over.wait(15)
        return pb.Account()

    gateway.services["identity"].answers["GetMe"] = wait
    assert_error(gateway.get("/auth/me"), 504, 4, "GATEWAY_TIMEOUT")
    wait_until(over.is_set, "the service's call is ended")


@pytest.mark.parametrize(("path", "limit"), [("/auth/me", 31), ("/cookie/get", 20)])
def test_the_service_is_told_how_long_the_gateway_waits(gateway: Gateway, path: str, limit: float) -> None:
    remaining = []

    def note(_: object, context: grpc.ServicerContext) -> Any:
        remaining.append(context.time_remaining())
        raise DatabaseUnavailableError

    gateway.services["identity"].answers["GetMe"] = note
    gateway.services["wechat_cookie"].answers["BeginLogin"] = note
    gateway.get(path, headers={"grpc-timeout": "1H", "x-envoy-upstream-rq-timeout-ms": "1"})
    assert limit - 3 < remaining[0] <= limit


def test_a_client_cannot_set_the_deadline_of_a_stream(gateway: Gateway) -> None:
    remaining = []

    def note(_: object, context: grpc.ServicerContext) -> Any:
        remaining.append(context.time_remaining())
        raise DatabaseUnavailableError

    gateway.services["wechat_cookie"].answers["StartLogin"] = note
    gateway.get("/cookie/login", headers={"grpc-timeout": "10S"})
    assert remaining[0] is None or remaining[0] > 3600


@pytest.mark.parametrize(
    ("verb", "path", "rpc", "attempts"),
    [
        ("GET", "/auth/me", "GetMe", 3),
        ("PUT", "/admin/users/42", "UpdateUser", 3),
        ("POST", "/auth/register", "Register", 1),
        ("POST", "/auth/login", "Login", 1),
        ("DELETE", "/admin/users/42", "DeleteUser", 1),
    ],
)
def test_only_what_is_safe_to_repeat_is_repeated(
    gateway: Gateway, verb: str, path: str, rpc: str, attempts: int
) -> None:
    def refuse(*_: object) -> None:
        raise DatabaseUnavailableError

    identity = gateway.services["identity"]
    identity.answers[rpc] = refuse
    assert_error(gateway.envoy.call(verb, path, "the-admins-token"), 503, 14, "DATABASE_UNAVAILABLE")
    assert len(identity.requests) == attempts


def test_starting_a_login_is_never_repeated_though_it_is_a_get(gateway: Gateway) -> None:
    def refuse(*_: object) -> None:
        raise DatabaseUnavailableError

    cookies = gateway.services["wechat_cookie"]
    cookies.answers["BeginLogin"] = refuse
    assert gateway.get("/cookie/get").status_code == 503
    assert len(cookies.requests) == 1


def test_services_are_found_by_name(start_gateway: StartGateway, services: Mapping[str, StandIn]) -> None:
    by_name = {name: value.replace("127.0.0.1", "localhost") for name, value in addresses(services).items()}
    gateway = start_gateway(**by_name)
    assert gateway.get("/auth/me").status_code == 200
    assert gateway.get("/health").json()["status"] == "ok"


@pytest.mark.long
def test_a_call_of_some_seconds_is_answered_although_its_replica_stops(
    start_gateway: StartGateway, start_service: StartService, services: Mapping[str, StandIn]
) -> None:
    """A Login is not retried: a replica that stops has to wait for those in progress."""
    stopping = start_service("identity")
    gateway = start_gateway(behind={**services, "identity": stopping})
    begun, ended_early = threading.Event(), threading.Event()

    def login(_request: object, context: grpc.ServicerContext) -> pb.LoginResponse:
        context.add_callback(ended_early.set)
        begun.set()
        # As long as a hash may take on a busy machine.
        ended_early.wait(6)
        return pb.LoginResponse(access_token="token")

    stopping.answers["Login"] = login
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(gateway.post, "/auth/login", token=None, json={})
        assert begun.wait(10)
        stopping.server.stop(drain_seconds=0)
        answer = call.result()
    assert answer.status_code == 200, answer.text
