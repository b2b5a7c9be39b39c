"""What the gateway believes of its callers, what it hides from them, and how much it takes from them."""

import http.client
import json
import socket
import ssl
import stat
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from deploy.local.processes import Launcher
from deploy.local.programs import Programs
from services.chassis.mutual_tls import TlsFiles
from tests.gateway.conftest import Gateway, StartGateway, http_filters
from tests.gateway.error_shape import RETRY_INFO, assert_error
from tests.gateway.stand_ins import ADMIN_TOKEN
from tests.support.envoy import configuration_environment, write_configuration
from tests.support.waiting import wait_until


def test_the_client_address_is_the_sockets_whatever_the_client_says(gateway: Gateway) -> None:
    forged = {"x-fastmp-client-address": "6.6.6.6", "x-forwarded-for": "6.6.6.6", "x-fastmp-other": "1"}
    gateway.get("/auth/me", headers=forged)
    metadata = gateway.services["identity"].metadata[0]
    assert metadata["x-fastmp-client-address"] == "127.0.0.1"
    assert "6.6.6.6" not in metadata.values()
    assert "x-fastmp-other" not in metadata


def test_a_trusted_proxy_in_front_is_believed_and_nobody_before_it(start_gateway: StartGateway) -> None:
    gateway = start_gateway(TRUSTED_PROXIES=1)
    gateway.get("/auth/me", headers={"x-forwarded-for": "6.6.6.6, 203.0.113.7"})
    assert gateway.services["identity"].metadata[0]["x-fastmp-client-address"] == "203.0.113.7"


@pytest.mark.parametrize(("trusted", "is_warned_of"), [(0, True), (1, False)])
def test_a_forwarded_for_that_is_not_trusted_is_warned_of_once(
    start_gateway: StartGateway, trusted: int, is_warned_of: bool
) -> None:
    gateway = start_gateway(TRUSTED_PROXIES=trusted)
    # Each worker warns for itself; one connection has one worker.
    connection = http.client.HTTPConnection(gateway.envoy.address, timeout=10)
    for headers in ({}, {"x-forwarded-for": "203.0.113.7"}, {"x-forwarded-for": "203.0.113.8"}):
        connection.request("GET", "/docs", headers=headers)
        connection.getresponse().read()
    connection.close()
    gateway.envoy.program.stop()
    log = gateway.envoy.log.read_text("utf-8")
    warnings = [line for line in log.splitlines() if "set TRUSTED_PROXIES" in line]
    assert len(warnings) == (1 if is_warned_of else 0)
    assert not [line for line in warnings if "203.0.113" in line]


def test_services_get_no_path_no_cookies_and_no_orders_to_envoy(gateway: Gateway) -> None:
    headers = {
        "cookie": "a=b",
        "x-envoy-retry-on": "5xx",
        "x-envoy-max-retries": "9",
        "x_fastmp_client_address": "1",
    }
    gateway.get("/cookie/poll?login_key=secret", headers=headers)
    metadata = gateway.services["wechat_cookie"].metadata[0]
    assert "secret" not in json.dumps(metadata)
    assert not {"cookie", "x-envoy-max-retries", "x_fastmp_client_address"} & metadata.keys()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("&odd", "1"),
        ("o|dd", "1"),
        ("odd'", "1"),
        ("odd", b"caf\xc3\xa9"),
        ("odd", b"\xff"),
        ("odd", "a\tb"),
        ("odd", ""),
        ("odd-bin", "!"),
    ],
)
def test_headers_that_grpc_does_not_know_hurt_nobody(gateway: Gateway, name: str, value: str | bytes) -> None:
    answer = gateway.get("/auth/me", headers={name: value})
    assert answer.status_code == 200, answer.text
    assert len(gateway.services["identity"].metadata) == 1


def test_the_request_id_is_the_gateways_own_and_the_same_everywhere(gateway: Gateway) -> None:
    answer = gateway.get("/auth/me", headers={"x-request-id": "chosen-by-the-caller"})
    request_id = answer.headers["x-request-id"]
    assert uuid.UUID(request_id)
    assert gateway.services["identity"].metadata[0]["x-request-id"] == request_id
    refused = gateway.get("/nope")
    assert refused.headers["x-request-id"] in refused.text


def test_answers_say_nothing_of_the_machinery(gateway: Gateway) -> None:
    for path in ("/auth/me", "/nope", "/health", "/openapi.json"):
        names = {name.lower() for name in gateway.get(path).headers}
        assert not {name for name in names if name.startswith(("grpc-", "x-envoy-", "server", "via"))}
        assert {"x-request-id", "x-content-type-options", "cache-control"} <= names


def test_the_log_tells_of_every_request_and_of_no_secret(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    code = "0123456789abcdef" * 2
    gateway.get("/cookie/poll?login_key=secret-login-key")
    gateway.get(f"/admin/activation/{code}")
    forged = {"x-envoy-original-method": "FORGED", "x-envoy-original-path": "/forged"}
    gateway.get(f"/unknown/{code}?login_key=secret-login-key", headers=forged)
    gateway.post("/auth/login", json={"password": "secret-password"}, headers={"referer": "secret-referer"})
    expected = [
        ("WeChatCookieService.PollLogin", "GET", 200),
        ("ActivationService.GetCode", "GET", 200),
        ("gateway.unknown", "GET", 404),
        ("IdentityService.Login", "POST", 200),
    ]
    # Envoy writes its log out when it ends.
    gateway.envoy.program.stop()
    log = gateway.envoy.log.read_text("utf-8")
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert [(line["route"], line["verb"], line["status"]) for line in lines] == expected
    assert not [secret for secret in (code, "secret-", ADMIN_TOKEN) if secret in log]


def test_too_many_requests_to_a_public_path_are_429_and_others_go_on(start_gateway: StartGateway) -> None:
    gateway = start_gateway(PUBLIC_REQUESTS_PER_SECOND=1)
    answers = [gateway.post("/auth/login", token=None, json={}) for _ in range(20)]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(refused) >= 10
    for answer in refused:
        body = assert_error(answer, 429, 8, "GATEWAY_THROTTLED")
        assert body["details"][1] == {"@type": RETRY_INFO, "retry_delay": "1s"}
        assert answer.headers["retry-after"] == "1"
    assert len(gateway.services["identity"].requests) == len(answers) - len(refused)
    assert {gateway.get("/auth/me").status_code for _ in range(20)} == {200}


def _from(gateway: Gateway, address: str, path: str = "/openapi.json", times: int = 1) -> list[int]:
    """The statuses of calls that a trusted proxy says are from `address`."""
    headers = {"x-forwarded-for": address}
    return [gateway.get(path, token=None, headers=headers).status_code for _ in range(times)]


@pytest.mark.parametrize(
    ("flooding", "same_client", "others"),
    [
        ("203.0.113.1", "203.0.113.1", "203.0.113.2"),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1"),
        # As proxies write IPv4 addresses that listen for both, some with other text of the client's before.
        ("::ffff:203.0.113.1", "::FFFF:203.0.113.1", "::ffff:203.0.113.2"),
        ("6.6.6.6, ::ffff:203.0.113.1", "7.7.7.7,::ffff:203.0.113.1", "::ffff:203.0.113.2"),
        (
            "::ffff:6.6.6.6, 2001:db8:0:1::1",
            "::ffff:6.6.6.6, 2001:db8:0:1::2",
            "::ffff:6.6.6.6, 2001:db8:0:2::1",
        ),
    ],
)
def test_public_calls_are_limited_by_client_network(
    start_gateway: StartGateway, flooding: str, same_client: str, others: str
) -> None:
    gateway = start_gateway(PUBLIC_REQUESTS_PER_SECOND=1, TRUSTED_PROXIES=1)
    assert _from(gateway, flooding, times=20).count(429) >= 10
    assert 429 in _from(gateway, same_client, "/docs", times=5)
    assert _from(gateway, others, times=3) == [200] * 3


def test_health_is_limited_apart_from_everything_else(start_gateway: StartGateway) -> None:
    gateway = start_gateway(
        PUBLIC_REQUESTS_PER_SECOND=1, PUBLIC_REQUESTS_PER_SECOND_TOTAL=1, TRUSTED_PROXIES=1
    )
    assert _from(gateway, "203.0.113.1", times=20).count(429) >= 10
    assert _from(gateway, "203.0.113.1", "/health", times=3) == [200] * 3
    assert _from(gateway, "203.0.113.2", "/health", times=20).count(429) >= 10
    assert _from(gateway, "203.0.113.3", "/health", times=3) == [200] * 3


def test_a_limit_for_all_clients_stays_behind_that_of_each(start_gateway: StartGateway) -> None:
    gateway = start_gateway(
        PUBLIC_REQUESTS_PER_SECOND=2, PUBLIC_REQUESTS_PER_SECOND_TOTAL=4, TRUSTED_PROXIES=1
    )
    # What is refused to one client takes nothing from the others.
    assert _from(gateway, "203.0.113.1", times=40).count(200) < 20
    assert _from(gateway, "203.0.113.2") == [200]
    assert 429 in [_from(gateway, f"198.51.100.{number}")[0] for number in range(60)]


def test_the_limits_memory_is_bounded(start_gateway: StartGateway) -> None:
    def few(configuration: Any) -> None:
        (limit,) = (one for one in http_filters(configuration) if one["name"] == "fastmp.client_rate_limit")
        assert limit["typed_config"]["max_dynamic_descriptors"] == {"value": 10_000}
        limit["typed_config"]["max_dynamic_descriptors"] = {"value": 2}

    gateway = start_gateway(edit=few, PUBLIC_REQUESTS_PER_SECOND=1, TRUSTED_PROXIES=1)
    # The client that was not seen for longest is forgotten, and begins again with a full bucket.
    assert _from(gateway, "203.0.113.1", times=20).count(429) >= 10
    assert _from(gateway, "203.0.113.2", times=3) + _from(gateway, "203.0.113.3", times=3) == [200] * 6
    assert _from(gateway, "203.0.113.1") == [200]


def test_pages_of_allowed_origins_may_call_and_of_others_may_not(start_gateway: StartGateway) -> None:
    gateway = start_gateway(CORS_ORIGINS="https://console.example, http://localhost:3000")
    preflight = {"access-control-request-method": "PUT", "access-control-request-headers": "authorization"}
    for origin in ("https://console.example", "http://localhost:3000"):
        allowed = gateway.envoy.call("OPTIONS", "/admin/users/42", headers={"origin": origin, **preflight})
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == origin
        assert "PUT" in allowed.headers["access-control-allow-methods"]
        assert "authorization" in allowed.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in allowed.headers
        for token in (ADMIN_TOKEN, "worthless"):
            answer = gateway.get("/auth/me", token, headers={"origin": origin})
            assert answer.headers["access-control-allow-origin"] == origin
    for origin in ("https://evil.example", "https://console.example.evil.example", "null"):
        refused = gateway.envoy.call("OPTIONS", "/auth/me", headers={"origin": origin, **preflight})
        assert_error(refused, 404, 5, "PATH_NOT_FOUND")
        assert "access-control-allow-origin" not in refused.headers
        assert (
            "access-control-allow-origin" not in gateway.get("/auth/me", headers={"origin": origin}).headers
        )


def test_no_foreign_origin_is_allowed_by_default(gateway: Gateway) -> None:
    headers = {"origin": "http://localhost:8080", "access-control-request-method": "GET"}
    assert gateway.envoy.call("OPTIONS", "/auth/me", headers=headers).status_code == 404


def test_https_to_the_outside_speaks_http_2_and_not_plain_text(
    start_gateway: StartGateway, certificates: Mapping[str, TlsFiles]
) -> None:
    tls = certificates["gateway"]
    gateway = start_gateway(
        GATEWAY_TLS_CERTIFICATE_FILE=str(tls.certificate_file), GATEWAY_TLS_KEY_FILE=str(tls.key_file)
    )
    url = f"https://localhost:{gateway.envoy.port}/health"
    assert requests.get(url, verify=str(tls.ca_file), timeout=10).json()["status"] == "ok"
    context = ssl.create_default_context(cafile=str(tls.ca_file))
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", gateway.envoy.port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        assert secure.selected_alpn_protocol() == "h2"
    with pytest.raises(requests.ConnectionError):
        gateway.get("/health")


def test_connections_beyond_the_limit_are_turned_away(start_gateway: StartGateway) -> None:
    gateway = start_gateway(MAX_CONNECTIONS=10)
    held = [http.client.HTTPConnection(gateway.envoy.address, timeout=10) for _ in range(10)]
    for connection in held:
        connection.request("GET", "/openapi.json")
        connection.getresponse().read()
    with pytest.raises(requests.ConnectionError):
        gateway.get("/openapi.json")
    for connection in held:
        connection.close()
    wait_until(lambda: _answers(gateway), "a place is free again")


def _answers(gateway: Gateway) -> bool:
    try:
        return gateway.get("/openapi.json").status_code == 200
    except requests.ConnectionError:
        return False


def test_the_administration_interface_is_a_socket_for_its_owner_alone(gateway: Gateway) -> None:
    admin = gateway.envoy.admin_socket
    assert stat.S_IMODE(admin.stat().st_mode) == 0o600
    listening = {
        connection.laddr.port
        for connection in psutil.Process(gateway.envoy.program.pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {gateway.envoy.port}


def test_a_second_gateway_on_the_same_port_does_not_start(
    gateway: Gateway, certificates: Mapping[str, TlsFiles], tmp_path: Path
) -> None:
    environment = configuration_environment(certificates["gateway"], {"GATEWAY_PORT": gateway.envoy.port})
    write_configuration(tmp_path / "envoy.yaml", environment)
    rival = Launcher().start(Programs(tmp_path).envoy("rival", tmp_path / "envoy.yaml", environment))
    try:
        wait_until(lambda: rival.exit_status is not None, "the second one gives up")
        assert rival.exit_status != 0
    finally:
        rival.stop()
    assert gateway.get("/health").status_code == 200
