"""Envoy takes up certificates that are replaced while it runs, towards callers and towards services."""

import contextlib
import datetime
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest
import requests

from deploy.local.certificates import ensure_certificates, tls_files
from deploy.local.ports import ReservedPort
from services.chassis.mutual_tls import TlsFiles
from tests.gateway.conftest import addresses
from tests.gateway.stand_ins import StandIn, start
from tests.support.envoy import running_envoy
from tests.support.waiting import wait_until

Replace = Callable[[], None]


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """Certificates of another authority: what is accepted shows which files Envoy has read."""
    folder = tmp_path / "second"
    folder.mkdir()
    ensure_certificates(folder, ("gateway", "activation"), datetime.datetime.now(datetime.UTC))
    return folder


def copied(tls: TlsFiles, folder: Path) -> TlsFiles:
    folder.mkdir()
    copy = tls_files(folder, "gateway")
    for file, target in zip(vars(tls).values(), vars(copy).values(), strict=True):
        shutil.copy(file, target)
    return copy


def replace(folder: Path, source: Path) -> None:
    """In the order of the local stack: each file by a rename, the key before its certificate."""
    for name in ("ca.pem", "gateway.key", "gateway.pem"):
        shutil.copy(source / name, folder / f".{name}")
        (folder / f".{name}").replace(folder / name)


def is_shown(url: str, authority: Path) -> bool:
    """Whether a new HTTPS connection shows a certificate of `authority`."""
    try:
        return requests.get(url, verify=str(authority), timeout=10).ok
    except requests.exceptions.SSLError:
        return False


def test_https_shows_the_renewed_certificate(
    services: Mapping[str, StandIn], certificates: Mapping[str, TlsFiles], tmp_path: Path, second: Path
) -> None:
    public = copied(certificates["gateway"], tmp_path / "public")
    settings = {
        **addresses(services),
        "GATEWAY_TLS_CERTIFICATE_FILE": str(public.certificate_file),
        "GATEWAY_TLS_KEY_FILE": str(public.key_file),
    }
    (tmp_path / "envoy").mkdir()
    with running_envoy(tmp_path / "envoy", certificates["gateway"], settings) as envoy:
        url = f"https://localhost:{envoy.port}/openapi.json"
        wait_until(partial(is_shown, url, certificates["gateway"].ca_file), "the first certificate is shown")
        assert not is_shown(url, second / "ca.pem")
        replace(tmp_path / "public", second)
        wait_until(partial(is_shown, url, second / "ca.pem"), "the second certificate is shown")
        assert not is_shown(url, certificates["gateway"].ca_file)


def test_services_with_renewed_certificates_are_reached(
    services: Mapping[str, StandIn], certificates: Mapping[str, TlsFiles], tmp_path: Path, second: Path
) -> None:
    """Activation starts, with a certificate of the second authority, after the gateway's files were replaced."""
    own = copied(certificates["gateway"], tmp_path / "own")
    (tmp_path / "envoy").mkdir()
    with contextlib.ExitStack() as held:
        port, operations = ReservedPort.reserve(), ReservedPort.reserve()
        held.callback(port.release)
        held.callback(operations.release)
        settings = {
            **addresses(services),
            "ACTIVATION_ADDRESSES": f"127.0.0.1:{port.number}",
            "ACTIVATION_OPS_ADDRESSES": f"127.0.0.1:{operations.number}",
        }
        envoy = held.enter_context(running_envoy(tmp_path / "envoy", own, settings))

        def parts() -> dict[str, str]:
            answer: dict[str, str] = envoy.call("GET", "/health").json()["parts"]
            return answer

        assert parts()["identity"] == "ok"
        assert parts()["activation"] == "unavailable"
        replace(tmp_path / "own", second)
        late = start("activation", tls_files(second, "activation"), port.number, operations.number)
        held.callback(late.server.stop, drain_seconds=0, grace_seconds=0)
        wait_until(lambda: parts()["activation"] == "ok", "the gateway reaches Activation")
