"""Each service's program refuses to start with missing, well-known or weak secrets, and names each of them."""

import base64
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from services.chassis.mutual_tls import TlsFiles

SERVICES = ("identity", "activation", "wechat_cookie", "notifications")
REFUSED = 2
FILES = ("TLS_CA_FILE", "TLS_CERTIFICATE_FILE", "TLS_KEY_FILE")
# The canary is what must not be repeated.
CANARY = "c4n4ry"


def secrets_of(service: str) -> tuple[str, ...]:
    own = {
        "identity": ("JWT_SECRET",),
        "wechat_cookie": ("COOKIE_KEYS",),
        "notifications": ("NOTIFICATION_KEYS",),
    }.get(service, ())
    return (f"{service.upper()}_DATABASE_URL", "AUDIT_KEY", *own, *FILES)


def missing(_: str, __: Mapping[str, TlsFiles], ___: Path) -> dict[str, str]:
    return {}


def empty(service: str, _: Mapping[str, TlsFiles], __: Path) -> dict[str, str]:
    return dict.fromkeys(secrets_of(service), "")


def well_known(service: str, certificates: Mapping[str, TlsFiles], folder: Path) -> dict[str, str]:
    """What is copied from examples; the files are there, and each is another's."""
    files = certificates[service]
    return {
        f"{service.upper()}_DATABASE_URL": f"mysql://root:{CANARY}@127.0.0.1/x",
        "AUDIT_KEY": "changeme" * 5,
        "JWT_SECRET": "a-string-secret-at-least-256-bits-long",
        "COOKIE_KEYS": base64.urlsafe_b64encode(b"a" * 32).decode(),
        "NOTIFICATION_KEYS": base64.urlsafe_b64encode(b"a" * 32).decode(),
        "TLS_CA_FILE": str(files.key_file),
        "TLS_CERTIFICATE_FILE": str(files.key_file),
        "TLS_KEY_FILE": str(files.certificate_file),
    }


def weak(service: str, _: Mapping[str, TlsFiles], folder: Path) -> dict[str, str]:
    garbage = folder / "garbage.pem"
    garbage.write_text(CANARY)
    return {
        f"{service.upper()}_DATABASE_URL": CANARY,
        "AUDIT_KEY": f"{CANARY}-Zk",
        "JWT_SECRET": f"{CANARY}-pV4r9c0SyLmQ2tXw7Jd",
        "COOKIE_KEYS": f"{CANARY}-key",
        "NOTIFICATION_KEYS": f"{CANARY}-key",
        "TLS_CA_FILE": str(garbage),
        "TLS_CERTIFICATE_FILE": str(garbage),
        "TLS_KEY_FILE": str(folder / CANARY / "missing.key"),
    }


@pytest.mark.parametrize("bad", [missing, empty, well_known, weak])
@pytest.mark.parametrize("service", SERVICES)
def test_no_service_starts_without_good_secrets_and_each_bad_one_is_named(
    service: str, bad: object, certificates: Mapping[str, TlsFiles], tmp_path: Path
) -> None:
    values: dict[str, str] = bad(service, certificates, tmp_path)  # type: ignore[operator]
    ended = subprocess.run(
        [sys.executable, "-m", f"services.{service}"],
        env={"PATH": os.environ["PATH"], "FASTMP_STATE_DIR": str(tmp_path / "state"), **values},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == REFUSED
    named = [line.split(":")[0].removeprefix("bad setting ") for line in ended.stderr.splitlines()]
    assert sorted(named) == sorted(secrets_of(service))
    assert ended.stdout == ""
    repeated = [value for value in (CANARY, *values.values()) if value and value in ended.stderr]
    assert not repeated
    assert not (tmp_path / "state").exists()
