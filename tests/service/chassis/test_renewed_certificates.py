"""Certificates that are replaced while servers and channels live count from the next connection on."""

import datetime
import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry

from deploy.local.certificates import ensure_certificates, tls_files
from services.chassis.channels import channel
from services.chassis.grpc_server.metrics_server import MetricsServer
from services.chassis.mutual_tls import TlsFiles, WatchedTlsFiles, server_credentials

NAMES = ("identity", "activation")


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return authority(tmp_path / "first")


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """Certificates of another authority: what is accepted shows which files a process has read."""
    return authority(tmp_path / "second")


def authority(folder: Path) -> Path:
    folder.mkdir()
    ensure_certificates(folder, NAMES, datetime.datetime.now(datetime.UTC))
    return folder


def in_use(folder: Path, source: Path) -> Path:
    """A folder with the content of `source`, that another's can replace."""
    folder.mkdir(exist_ok=True)
    replace(folder, source)
    return folder


def replace(folder: Path, source: Path, pattern: str = "*") -> None:
    for file in source.glob(pattern):
        shutil.copy(file, folder / f".new-{file.name}")
        (folder / f".new-{file.name}").replace(folder / file.name)


@contextmanager
def serving(tls: TlsFiles, port: int = 0) -> Iterator[int]:
    server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    number = server.add_secure_port(f"127.0.0.1:{port}", server_credentials(tls))
    server.start()
    try:
        yield number
    finally:
        server.stop(0).wait()


def answers(connection: grpc.Channel) -> bool:
    stub: Any = health_pb2_grpc.HealthStub(connection)
    try:
        stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            return False
        raise
    return True


def new_connection_answers(port: int, folder: Path) -> bool:
    with channel(f"127.0.0.1:{port}", "identity", tls_files(folder, "activation")) as connection:
        return answers(connection)


def test_a_server_shows_and_believes_renewed_certificates(tmp_path: Path, first: Path, second: Path) -> None:
    ours = in_use(tmp_path / "server", first)
    with serving(tls_files(ours, "identity")) as port:
        assert new_connection_answers(port, first)
        assert not new_connection_answers(port, second)
        replace(ours, second)
        assert new_connection_answers(port, second)
        assert not new_connection_answers(port, first)


def test_a_key_without_its_certificate_is_not_taken_up(tmp_path: Path, first: Path, second: Path) -> None:
    ours = in_use(tmp_path / "server", first)
    with serving(tls_files(ours, "identity")) as port:
        replace(ours, second, "*.key")
        assert new_connection_answers(port, first)
        replace(ours, second, "*.pem")
        assert new_connection_answers(port, second)


def test_a_channel_comes_back_to_a_server_that_believes_the_renewed_certificate_only(
    tmp_path: Path, first: Path, second: Path
) -> None:
    ours = in_use(tmp_path / "caller", first)
    with serving(tls_files(first, "identity")) as port:
        connection = channel(f"127.0.0.1:{port}", "identity", tls_files(ours, "activation"))
        stub: Any = health_pb2_grpc.HealthStub(connection)
        assert stub.Check(health_pb2.HealthCheckRequest(), timeout=10).status
        watching = stub.Watch(health_pb2.HealthCheckRequest(), timeout=60)
        next(watching)
        replace(ours, second)
        # A stream that runs is not ended by the renewal.
        assert not answers(connection)
        assert watching.is_active()
    with connection, serving(tls_files(second, "identity"), port):
        assert stub.Check(health_pb2.HealthCheckRequest(), timeout=10, wait_for_ready=True).status
        replace(ours, first)
        replace(ours, second)
        assert answers(connection)


def test_the_metrics_port_takes_up_renewed_certificates(tmp_path: Path, first: Path, second: Path) -> None:
    ours = in_use(tmp_path / "server", first)
    server = MetricsServer("127.0.0.1", 0, tls_files(ours, "identity"), CollectorRegistry())
    server.start()
    try:
        assert is_scraped(server.port, first)
        replace(ours, second)
        assert is_scraped(server.port, second)
        assert not is_scraped(server.port, first)
    finally:
        server.stop()


def is_scraped(port: int, folder: Path) -> bool:
    tls = tls_files(folder, "activation")
    context = ssl.create_default_context(cafile=str(tls.ca_file))
    context.load_cert_chain(tls.certificate_file, tls.key_file)
    try:
        with urllib.request.urlopen(f"https://127.0.0.1:{port}/metrics", context=context, timeout=10) as page:
            return bool(page.status == 200)
    except urllib.error.URLError:
        return False


def test_a_missing_file_leaves_what_was_read(tmp_path: Path, first: Path, second: Path) -> None:
    ours = in_use(tmp_path / "server", first)
    watched = WatchedTlsFiles(tls_files(ours, "identity"))
    before = watched.content
    assert watched.renewed() is None
    (ours / "identity.key").unlink()
    assert watched.renewed() is None
    replace(ours, second)
    renewed = watched.renewed()
    assert renewed is not None
    assert renewed == watched.content != before
    assert watched.renewed() is None
    assert renewed.key.decode() not in repr(renewed)
