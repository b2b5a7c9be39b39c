"""Where the services are and how the gateway behaves, from the environment."""

import tomllib

import pytest

from deploy.local.programs import ROOT
from gateway import VERSION
from gateway.settings import Address, Endpoint
from tests.unit.gateway.conftest import Load


def _identity(load_settings: Load, **variables: str) -> list[tuple[str, int, int]]:
    endpoints: tuple[Endpoint, ...] = load_settings(**variables).upstreams["identity"]
    return [(one.address.host, one.address.port, one.operations_port) for one in endpoints]


def test_without_settings_everything_is_on_loopback(load_settings: Load) -> None:
    settings = load_settings()
    assert (settings.gateway.gateway_host, settings.gateway.gateway_port) == ("127.0.0.1", 8080)
    assert settings.gateway.envoy_admin_socket is None
    ports = {name: (one.address, one.operations_port) for name, (one,) in settings.upstreams.items()}
    assert ports == {
        "identity": (Address("127.0.0.1", 50051), 9051),
        "activation": (Address("127.0.0.1", 50052), 9052),
        "wechat_cookie": (Address("127.0.0.1", 50053), 9053),
        "notifications": (Address("127.0.0.1", 50054), 9054),
    }


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"IDENTITY_PORT": "6001"}, [("127.0.0.1", 6001, 9051)]),
        ({"IDENTITY_PORT": "6001", "IDENTITY_OPS_PORT": "9"}, [("127.0.0.1", 6001, 9)]),
        ({"IDENTITY_ADDRESS": "identity:5"}, [("identity", 5, 9051)]),
        ({"IDENTITY_ADDRESSES": "a:1,b:2", "IDENTITY_ADDRESS": "c:3"}, [("a", 1, 9051), ("b", 2, 9051)]),
        ({"IDENTITY_ADDRESSES": "a:1, a:2", "IDENTITY_OPS_ADDRESSES": "a:8,a:9"}, [("a", 1, 8), ("a", 2, 9)]),
        ({"IDENTITY_ADDRESSES": "[::1]:1", "IDENTITY_OPS_ADDRESSES": "[::1]:2"}, [("::1", 1, 2)]),
        ({"IDENTITY_ADDRESSES": ""}, [("127.0.0.1", 50051, 9051)]),
    ],
)
def test_replicas_are_listed_with_the_ports_of_their_health(
    load_settings: Load, variables: dict[str, str], expected: list[tuple[str, int, int]]
) -> None:
    assert _identity(load_settings, **variables) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IDENTITY_ADDRESSES", "no-port"),
        ("IDENTITY_ADDRESSES", "a:1,,b:2"),
        ("ACTIVATION_ADDRESSES", "a:0"),
        ("WECHAT_COOKIE_PORT", "70000"),
        ("GATEWAY_PORT", "0"),
        ("CORS_ORIGINS", "https://a.example/"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://*.example"),
        ("FASTMP_ENV", 'a"b'),
        ("TRUSTED_PROXIES", "-1"),
        ("PUBLIC_REQUESTS_PER_SECOND", "0"),
        ("ENVOY_ADMIN_SOCKET", "/" + "x" * 107),
    ],
)
def test_a_bad_setting_stops_the_start_and_is_named_but_not_repeated(
    load_settings: Load, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    with pytest.raises(SystemExit) as end:
        load_settings(**{name: value})
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"bad setting {name}")
    assert value not in error.removeprefix(f"bad setting {name}")


def test_settings_that_contradict_each_other_stop_the_start(
    load_settings: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        load_settings(
            IDENTITY_ADDRESSES="a:1,b:2", IDENTITY_OPS_ADDRESSES="a:1", GATEWAY_TLS_KEY_FILE="gateway.key"
        )
    error = capsys.readouterr().err
    assert "IDENTITY" in error
    assert "OPS_ADDRESSES must name the same hosts" in error
    assert "GATEWAY_TLS_CERTIFICATE_FILE and GATEWAY_TLS_KEY_FILE" in error


def test_statistics_need_the_administration_interface(
    load_settings: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load_settings().gateway.gateway_metrics_port is None
    with pytest.raises(SystemExit):
        load_settings(GATEWAY_METRICS_PORT="9150")
    assert "GATEWAY_METRICS_PORT needs ENVOY_ADMIN_SOCKET" in capsys.readouterr().err
    settings = load_settings(GATEWAY_METRICS_PORT="9150", ENVOY_ADMIN_SOCKET="/run/admin.sock")
    assert settings.gateway.gateway_metrics_port == 9150


def test_the_version_is_that_of_the_project() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"] == VERSION
