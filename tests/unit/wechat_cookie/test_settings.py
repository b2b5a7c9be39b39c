"""A bad setting stops the start and is named; its value is not repeated."""

import base64
import hashlib
from collections.abc import Mapping

import pytest

from services.chassis.mutual_tls import TlsFiles
from services.chassis.settings import load
from services.wechat_cookie.settings import WeChatCookieSettings

# The same in every worker, since it is part of the names of tests.
KEY = base64.urlsafe_b64encode(hashlib.sha256(b"a key for tests").digest()).decode()
GOOD = {
    "WECHAT_COOKIE_DATABASE_URL": "postgresql://user:canary@127.0.0.1/wechat_cookie",
    "COOKIE_KEYS": KEY,
    "AUDIT_KEY": "test-only-audit-key-5f2c9e71b8d04a36",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, certificates: Mapping[str, TlsFiles]) -> pytest.MonkeyPatch:
    files = certificates["wechat_cookie"]
    for name in WeChatCookieSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("TLS_CA_FILE", str(files.ca_file))
    monkeypatch.setenv("TLS_CERTIFICATE_FILE", str(files.certificate_file))
    monkeypatch.setenv("TLS_KEY_FILE", str(files.key_file))
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_the_defaults_are_the_products(environment: pytest.MonkeyPatch) -> None:
    settings = load(WeChatCookieSettings)
    assert settings.wechat_cookie_port == 50053
    assert settings.mp.base_url == "https://mp.weixin.qq.com"
    assert str(settings.export_root) == "var/static/cookies"


def test_a_variable_set_to_nothing_counts_as_not_set(environment: pytest.MonkeyPatch) -> None:
    for name in ("WECHAT_CA_FILE", "WECHAT_PROXY", "WECHAT_BASE_URL", "WECHAT_COOKIE_PORT"):
        environment.setenv(name, "")
    settings = load(WeChatCookieSettings)
    assert settings.mp.ca_file is None
    assert settings.mp.proxy is None
    assert settings.wechat_cookie_port == 50053


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COOKIE_KEYS", ""),
        ("COOKIE_KEYS", "canary-weak-key"),
        ("COOKIE_KEYS", f"{KEY},{KEY}"),
        ("WECHAT_COOKIE_DATABASE_URL", ""),
        ("WECHAT_COOKIE_DATABASE_URL", "mysql://user:canary@127.0.0.1/x"),
        ("WECHAT_BASE_URL", "ftp://canary"),
        ("WECHAT_BASE_URL", "https://mp.weixin.qq.com/canary"),
        ("WECHAT_CA_FILE", "/canary/does/not/exist.pem"),
        ("WECHAT_PROXY", "socks5://user:canary@127.0.0.1:1080"),
        ("WECHAT_COOKIE_PORT", "65536"),
    ],
)
def test_a_bad_setting_stops_the_start_and_is_named(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(SystemExit) as stopped:
        load(WeChatCookieSettings)
    assert stopped.value.code == 2
    errors = capsys.readouterr().err
    assert f"bad setting {name}" in errors
    assert "canary" not in errors
    assert KEY not in errors


def test_no_secret_shows_in_the_settings_repr(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("WECHAT_PROXY", "http://user:canary@127.0.0.1:8080")
    environment.setenv("WECHAT_COOKIE_DIRECT_DATABASE_URL", "postgresql://user:canary@127.0.0.1/x")
    shown = repr(load(WeChatCookieSettings))
    assert "canary" not in shown
    assert KEY not in shown
