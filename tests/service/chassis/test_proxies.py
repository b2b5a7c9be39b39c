"""Connections between the parts never go through the proxy that the shell's environment names."""

import socket
from collections.abc import Iterator

import pytest

from services.chassis.grpc_server.probe import serves
from tests.service.chassis.conftest import Running


@pytest.fixture
def dead_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every usual variable names a port where nothing listens, and none makes an exception for loopback."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        for name in ("grpc_proxy", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, url)
            monkeypatch.setenv(name.upper(), url)
        for name in ("no_proxy", "no_grpc_proxy"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)
        yield


@pytest.mark.usefixtures("dead_proxy")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_channel_does_not_use_it(running: Running, host: str) -> None:
    address = f"{host}:{running.server.operations_port}"
    assert serves("identity", address, running.certificates["ops"], 10)


@pytest.mark.usefixtures("dead_proxy")
def test_a_channel_to_several_replicas_does_not_use_it(running: Running) -> None:
    address = f"127.0.0.1:{running.server.operations_port}"
    assert serves("identity", f"{address},{address}", running.certificates["ops"], 10)
