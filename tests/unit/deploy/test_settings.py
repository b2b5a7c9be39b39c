"""The local stack's settings: defaults, bad values by name, and who gets to see which."""

from pathlib import Path

import pytest

from deploy.local.errors import LocalStackError
from deploy.local.settings import LocalSettings


def test_without_any_variable_the_documented_defaults_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LocalSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    settings = LocalSettings.from_environment()
    assert settings.gateway_port == 8080
    assert [settings.port(f"{name}_PORT") for name in ("IDENTITY", "ACTIVATION", "WECHAT_COOKIE")] == [
        50051,
        50052,
        50053,
    ]
    assert settings.fastmp_state_dir == Path("var")
    assert settings.wechat_base_url == "https://mp.weixin.qq.com"
    assert settings.database_url("identity") is None


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_PORT", "")
    assert LocalSettings.from_environment().gateway_port == 8080


@pytest.mark.parametrize("value", ["eighty", "-1", "65536", "80.5"])
def test_a_bad_port_is_named_and_its_value_not_repeated(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("IDENTITY_OPS_PORT", value)
    with pytest.raises(LocalStackError, match=r"^bad setting IDENTITY_OPS_PORT: ") as failure:
        LocalSettings.from_environment()
    assert "\n" not in str(failure.value)
    assert value not in str(failure.value).replace("65535", "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GATEWAY_HOST", "fastmp.example"),
        ("GATEWAY_TLS_CERTIFICATE_FILE", "/nowhere/c4n4ry.pem"),
        ("GATEWAY_TLS_KEY_FILE", __file__),
        ("LOG_DESTINATION", "c4n4ry"),
    ],
)
def test_a_bad_setting_of_the_listener_or_the_logs_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(LocalStackError, match=rf"^bad setting {name}: ") as failure:
        LocalSettings.from_environment()
    assert value not in str(failure.value)


def test_no_secret_shows_in_the_settings_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "canary-7731"
    for name in (
        "JWT_SECRET",
        "COOKIE_KEYS",
        "TOTP_KEYS",
        "ADMIN_PASSWORD",
        "WECHAT_PROXY",
        "ACTIVATION_DATABASE_URL",
        "ACTIVATION_DIRECT_DATABASE_URL",
    ):
        monkeypatch.setenv(name, secret)
    assert secret not in repr(LocalSettings.from_environment())


def test_stacks_side_by_side_leave_every_port_to_the_system(tmp_path: Path) -> None:
    settings = LocalSettings.side_by_side(tmp_path, admin_email="a@b.example")
    ports = [name for name in LocalSettings.model_fields if name.endswith("_port")]
    assert len(ports) == 15
    # The statistics of Envoy are off.
    assert settings.gateway_metrics_port is None
    ports.remove("gateway_metrics_port")
    assert {settings.port(name.upper()) for name in ports} == {0}
    assert settings.fastmp_state_dir == tmp_path
    assert settings.admin_email == "a@b.example"
