"""A bad setting of any part ends `python -m deploy.local` before anything is started, and is named."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.checked_settings import refused
from deploy.local.known_settings import SERVICE_SETTINGS
from gateway.settings import GatewaySettings
from tests.service.deploy.test_lifecycle import environment

# One of each reader and kind: secrets, numbers, choices, addresses, files, and what the stack does not list itself.
BAD = {
    "JWT_SECRET": "c4n4ry",
    "ACCESS_TOKEN_EXPIRE_MINUTES": "c4n4ry",
    "ADMIN_EMAIL": "c4n4ry",
    "ADMIN_PASSWORD": "c4ny",
    "COOKIE_KEYS": "c4n4ry",
    "WECHAT_BASE_URL": "ftp://c4n4ry",
    "WECHAT_CA_FILE": "/c4n4ry.pem",
    "WECHAT_PROXY": "socks5://c4n4ry:1",
    "ACTIVATION_DATABASE_URL": "mysql://c4n4ry",
    "LOG_LEVEL": "c4n4ry",
    "EXPORT_STALL_SECONDS": "-1",
    "TRUSTED_PROXIES": "c4n4ry",
    "CORS_ORIGINS": "c4n4ry",
}
ANSWER_SECONDS = 2.0


def children_cpu_seconds() -> float:
    """The CPU time of this process's ended children."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_each_bad_setting_is_named_once_and_nothing_was_started(tmp_path: Path) -> None:
    state = tmp_path / "state"
    cpu_before = children_cpu_seconds()
    ended = subprocess.run(
        [sys.executable, "-m", "deploy.local"],
        env=environment(state, **BAD),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    lines = ended.stderr.removeprefix("FastMP: ").splitlines()
    assert sorted(line.removeprefix("bad setting ").split(":")[0] for line in lines) == sorted(BAD)
    assert not [value for value in ("c4n4ry", "c4ny", "-1") if value in ended.stderr]
    assert not (state / "postgres").exists()
    assert not list((state / "logs").iterdir())
    # By CPU time, because other tests may keep the machine busy; this program waits for nothing.
    assert children_cpu_seconds() - cpu_before < ANSWER_SECONDS


def test_only_the_given_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"TLS_CA_FILE": "ca", "TLS_CERTIFICATE_FILE": "certificate", "TLS_KEY_FILE": "key"}
    monkeypatch.setenv("TRUSTED_PROXIES", "many")
    assert refused(GatewaySettings, files) == []
    assert refused(GatewaySettings, {**files, "trusted_proxies": "", "CORS_ORIGINS": ""}) == []
    assert [line.split(":")[0] for line in refused(GatewaySettings, {"Trusted_Proxies": "many"})] == [
        *(f"bad setting {name}" for name in files),
        "bad setting TRUSTED_PROXIES",
    ]


@pytest.mark.parametrize("service", SERVICE_SETTINGS)
def test_a_missing_setting_is_named(service: str) -> None:
    names = {
        line.split(":")[0].removeprefix("bad setting ") for line in refused(SERVICE_SETTINGS[service], {})
    }
    assert {"AUDIT_KEY", "TLS_CA_FILE", f"{service.upper()}_DATABASE_URL"} <= names
