"""Identity's settings: what stops the start, and that it is named without being repeated."""

from collections.abc import Mapping

import pytest
from cryptography.fernet import Fernet

from services.chassis.mutual_tls import TlsFiles
from services.chassis.settings import load
from services.identity.settings import IdentitySettings

STRONG = "pV4r9c0SyLmQ2tXw7JdKf1bHn8ZgUe3A"
ENVIRONMENT = {
    "IDENTITY_DATABASE_URL": "postgresql://identity:pass@127.0.0.1:5432/identity",
    "AUDIT_KEY": "test-only-audit-key-5f2c9e71b8d04a36",
    "JWT_SECRET": STRONG,
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, certificates: Mapping[str, TlsFiles]) -> None:
    files = certificates["identity"]
    monkeypatch.setenv("TLS_CA_FILE", str(files.ca_file))
    monkeypatch.setenv("TLS_CERTIFICATE_FILE", str(files.certificate_file))
    monkeypatch.setenv("TLS_KEY_FILE", str(files.key_file))
    for name in ("ADMIN_EMAIL", "ADMIN_PASSWORD", "ACCESS_TOKEN_EXPIRE_MINUTES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def test_the_defaults_are_the_documented_ones(certificates: Mapping[str, TlsFiles]) -> None:
    settings = load(IdentitySettings)
    assert settings.access_token_expire_minutes == 1440
    assert (settings.identity_port, settings.identity_ops_port, settings.identity_metrics_port) == (
        50051,
        9051,
        9151,
    )
    assert settings.account_feed_keep_hours == 168
    assert settings.tls_files == certificates["identity"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JWT_SECRET", ""),
        ("JWT_SECRET", STRONG[:31]),
        ("JWT_SECRET", "secret"),
        ("JWT_SECRET", "changeme"),
        ("JWT_SECRET", "changeme" * 8),
        ("JWT_SECRET", "secret-secret-secret-secret-secret"),
        ("JWT_SECRET", "Your-256-Bit-Secret-Your-256-Bit-Secret"),
        ("JWT_SECRET", "this_is_a_very_long_secret_key_change_me_please"),
        ("JWT_SECRET", "a-string-secret-at-least-256-bits-long"),
        ("JWT_SECRET", "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"),
        ("JWT_SECRET", "a" * 64),
        ("JWT_SECRET", "ab" * 32),
        ("JWT_SECRET", "pV4r9c0SyLmQ" * 3),
        ("JWT_SECRET", "0123456789abcdef" * 4),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "0"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "525601"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "soon"),
        ("ACCOUNT_FEED_KEEP_HOURS", "0"),
        ("IDENTITY_DATABASE_URL", "mysql://root@localhost/identity"),
        ("ADMIN_EMAIL", "nobody"),
        ("ADMIN_PASSWORD", "five5"),
    ],
)
def test_a_bad_setting_stops_the_start_and_is_named_and_never_repeated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        load(IdentitySettings)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert f"bad setting {name}:" in said
    assert len(value) < 7 or value not in said


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("ACCESS_TOKEN_EXPIRE_MINUTES", 1, 525_600),
        ("ACCOUNT_FEED_KEEP_HOURS", 1, 8760),
        ("MAX_STREAMS", 1, 20_000),
        ("HASHING_THREADS", 1, 256),
        ("HASHING_QUEUE", 1, 4000),
        ("HASHING_QUEUE_PER_NETWORK", 1, 1000),
        ("SIGN_IN_LIMIT_PER_ACCOUNT", 1, 1000),
        ("SIGN_IN_LIMIT_UNKNOWN_NETWORKS", 1, 100_000),
        ("SIGN_IN_LIMIT_PER_ADDRESS", 1, 100_000),
        ("SIGN_INS_PER_ACCOUNT", 1, 100_000),
        ("REGISTRATION_LIMIT_PER_ADDRESS", 1, 1_000_000),
    ],
)
def test_a_number_has_bounds(monkeypatch: pytest.MonkeyPatch, name: str, least: int, most: int) -> None:
    for taken in (least, most):
        monkeypatch.setenv(name, str(taken))
        assert getattr(load(IdentitySettings), name.lower()) == taken
    for refused in (least - 1, most + 1):
        monkeypatch.setenv(name, str(refused))
        with pytest.raises(SystemExit):
            load(IdentitySettings)


def test_a_missing_secret_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("JWT_SECRET")
    with pytest.raises(SystemExit):
        load(IdentitySettings)
    assert "bad setting JWT_SECRET" in capsys.readouterr().err


@pytest.mark.parametrize(
    "secret", [STRONG, "9f86d081884c7d659a2feaa0c55ad015", "correct horse battery staple ok!"]
)
def test_a_random_secret_is_taken_and_not_shown(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("JWT_SECRET", secret)
    settings = load(IdentitySettings)
    assert settings.jwt_secret.get_secret_value() == secret
    assert secret not in repr(settings)
    assert "pass@" not in repr(settings)


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("https://fastmp.example", "https://fastmp.example"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("", ""),
    ],
)
def test_the_public_url_is_an_origin(monkeypatch: pytest.MonkeyPatch, url: str, taken: str) -> None:
    monkeypatch.setenv("PUBLIC_URL", url)
    assert load(IdentitySettings).public_url == taken


@pytest.mark.parametrize(
    "url",
    [
        *("fastmp.example", "ftp://fastmp.example", "https://", "https://a b", "//fastmp.example"),
        *("https://user@fastmp.example", "https://fastmp.example/console", "https://fastmp.example?x"),
        *("https://fastmp.example#x", "https://fastmp.example\n", "javascript:alert(1)"),
    ],
)
def test_what_is_no_origin_is_no_public_url(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    monkeypatch.setenv("PUBLIC_URL", url)
    with pytest.raises(SystemExit):
        load(IdentitySettings)
    assert "bad setting PUBLIC_URL" in capsys.readouterr().err


def test_the_keys_of_second_factors_are_checked_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOTP_KEYS", "")
    assert load(IdentitySettings).totp_vault is None
    key = Fernet.generate_key().decode()
    monkeypatch.setenv("TOTP_KEYS", key)
    settings = load(IdentitySettings)
    assert settings.totp_vault is not None
    assert key not in repr(settings)
    monkeypatch.setenv("TOTP_KEYS", "canary-weak")
    with pytest.raises(SystemExit):
        load(IdentitySettings)
    error = capsys.readouterr().err
    assert "bad setting TOTP_KEYS" in error
    assert "canary" not in error


def test_a_second_factor_can_be_required_only_where_it_can_be_set_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REQUIRE_ADMIN_TOTP", "true")
    with pytest.raises(SystemExit):
        load(IdentitySettings)
    assert "REQUIRE_ADMIN_TOTP needs TOTP_KEYS" in capsys.readouterr().err
    monkeypatch.setenv("TOTP_KEYS", Fernet.generate_key().decode())
    assert load(IdentitySettings).require_admin_totp
