"""The ways to WeChat: names, ports, TLS, proxies, and each way in which they are shut."""

import contextlib
import datetime
import select
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from deploy.wechat_emulator.running import RunningEmulator
from deploy.wechat_emulator.tls import make_throwaway_ca, server_context
from services.wechat_cookie.mp import errors
from services.wechat_cookie.mp.cookies import MpCookies
from services.wechat_cookie.mp.statuses import ScanOutcome
from tests.service.wechat_cookie.mp.conftest import MakeClient
from tests.service.wechat_cookie.mp.raw_server import answering, dripping, raw_server, read_request
from tests.service.wechat_cookie.mp.steps import pending_login


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that stays taken and refuses connections."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def tunnel(connection: socket.socket) -> None:
    """An HTTP proxy: passes on what comes after CONNECT, or one plain request."""
    request = read_request(connection)
    method, target, _ = request.split(b" ", 2)
    address = target.removeprefix(b"http://").split(b"/")[0].decode()
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port))) as onward:
        if method == b"CONNECT":
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            onward.sendall(request.replace(b"http://" + address.encode(), b"", 1))
        pair = {connection: onward, onward: connection}
        while True:
            for source in select.select(list(pair), [], [])[0]:
                block = source.recv(65536)
                if not block:
                    return
                pair[source].sendall(block)


def test_a_name_that_does_not_exist_is_told_as_such(make_client: MakeClient) -> None:
    with pytest.raises(errors.UnreachableError) as failure:
        make_client("https://no-such-host.invalid").visit(MpCookies())
    assert failure.value.part == "dns"
    assert failure.value.transient
    assert not failure.value.maybe_processed


def test_a_name_server_that_is_silent_is_given_up_in_time(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    def silent(*_args: object, **_options: object) -> list[object]:
        assert release.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    start = time.monotonic()
    with pytest.raises(errors.UnreachableError):
        make_client("https://slow.example", connect_timeout=0.2).visit(MpCookies())
    assert time.monotonic() - start < 1.5
    release.set()


def test_a_refused_connection_is_told_as_such(make_client: MakeClient, closed_port: int) -> None:
    with pytest.raises(errors.UnreachableError) as failure:
        make_client(f"http://127.0.0.1:{closed_port}").visit(MpCookies())
    assert failure.value.part == "connect"
    assert failure.value.__context__ is None


def test_a_host_of_many_dead_addresses_costs_one_connect_timeout(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as full:
        # A listener with a full queue: further connections get no answer at all.
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                sock.connect(("127.0.0.1", port))
        address = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: [address] * 8)
        start = time.monotonic()
        with pytest.raises(errors.UnreachableError):
            make_client(f"http://many.example:{port}", connect_timeout=0.4).visit(MpCookies())
        assert 0.2 < time.monotonic() - start < 2
        for sock in waiting:
            sock.close()


def test_the_second_address_is_tried_when_the_first_refuses(
    make_client: MakeClient,
    plain_emulator: RunningEmulator,
    monkeypatch: pytest.MonkeyPatch,
    closed_port: int,
) -> None:
    port = int(plain_emulator.base_url.rsplit(":", 1)[1])
    addresses = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", number)) for number in (closed_port, port)
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: addresses)
    client = make_client(f"http://emulator:{port}")
    cookies, _ = pending_login(client)
    # A host without a dot, as in a container network: its cookies come back all the same.
    assert client.ask(cookies).outcome is ScanOutcome.NOT_SCANNED


def test_a_certificate_of_an_unknown_authority_is_refused(
    make_client: MakeClient, emulator: RunningEmulator
) -> None:
    with pytest.raises(errors.UnreachableError) as failure:
        make_client(emulator.base_url).visit(MpCookies())
    assert (failure.value.part, failure.value.detail) == ("tls", "certificate_of_unknown_authority")


def test_a_given_authority_replaces_the_usual_ones(
    make_client: MakeClient, emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The emulator's authority plays one of the public ones, which requests would trust as well.
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", emulator.ca_file)
    client = make_client(emulator.base_url, requests.utils.DEFAULT_CA_BUNDLE_PATH)
    with pytest.raises(errors.UnreachableError) as failure:
        client.visit(MpCookies())
    assert failure.value.part == "tls"


def test_a_certificate_of_another_name_is_refused(
    make_client: MakeClient, emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(emulator.base_url.rsplit(":", 1)[1])
    address = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: [address])
    with pytest.raises(errors.UnreachableError) as failure:
        make_client(f"https://mp.weixin.qq.com:{port}", emulator.ca_file).visit(MpCookies())
    assert (failure.value.part, failure.value.detail) == ("tls", "certificate_of_another_host")


@pytest.mark.parametrize(
    ("days", "detail"), [(-30, "certificate_expired"), (30, "certificate_not_yet_valid")]
)
def test_a_certificate_out_of_its_time_is_refused(
    make_client: MakeClient, tmp_path: Path, days: int, detail: str
) -> None:
    made = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    files = make_throwaway_ca(tmp_path, made)
    context = server_context(files.certificate, files.key)
    with raw_server(answering(b""), context) as port, pytest.raises(errors.UnreachableError) as failure:
        make_client(f"https://127.0.0.1:{port}", str(files.ca)).visit(MpCookies())
    assert (failure.value.part, failure.value.detail) == ("tls", detail)


def test_a_server_without_tls_is_no_wechat_over_https(
    make_client: MakeClient, plain_emulator: RunningEmulator
) -> None:
    with pytest.raises(errors.UnreachableError) as failure:
        make_client(plain_emulator.base_url.replace("http:", "https:")).visit(MpCookies())
    assert (failure.value.part, failure.value.detail) == ("tls", "no_handshake")


def test_a_handshake_that_never_comes_is_given_up_in_time(make_client: MakeClient, silent_port: int) -> None:
    start = time.monotonic()
    with pytest.raises(errors.UnreachableError):
        make_client(f"https://127.0.0.1:{silent_port}", connect_timeout=0.3).visit(MpCookies())
    assert time.monotonic() - start < 1.5


def test_a_connection_that_is_dropped_during_the_handshake_was_never_asked(make_client: MakeClient) -> None:
    def drop(connection: socket.socket) -> None:
        connection.recv(1)

    with raw_server(drop) as port, pytest.raises(errors.UnreachableError) as failure:
        make_client(f"https://127.0.0.1:{port}").visit(MpCookies())
    assert not failure.value.maybe_processed


def test_a_login_goes_through_a_proxy(either_emulator: RunningEmulator, make_client: MakeClient) -> None:
    with raw_server(tunnel) as port:
        client = make_client(
            either_emulator.base_url, either_emulator.ca_file, proxy=f"http://me:word@127.0.0.1:{port}"
        )
        cookies, uuid = pending_login(client)
        either_emulator.control.scan_and_confirm(uuid)
        assert client.finish_login(cookies).token
        client.close()


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", b"HTTP/1.1 502 Bad Gateway\r\n\r\n", b"", b"no"],
)
def test_a_proxy_that_refuses_is_told_as_such(
    emulator: RunningEmulator, make_client: MakeClient, answer: bytes
) -> None:
    with raw_server(answering(answer)) as port:
        client = make_client(emulator.base_url, emulator.ca_file, proxy=f"http://127.0.0.1:{port}")
        with pytest.raises(errors.UnreachableError) as failure:
            client.visit(MpCookies())
    assert failure.value.part == "proxy"


def test_a_dead_proxy_is_told_as_such(
    emulator: RunningEmulator, make_client: MakeClient, closed_port: int
) -> None:
    client = make_client(emulator.base_url, emulator.ca_file, proxy=f"http://me:word@127.0.0.1:{closed_port}")
    with pytest.raises(errors.UnreachableError) as failure:
        client.visit(MpCookies())
    assert failure.value.part == "proxy"


def test_a_proxy_that_drips_is_given_up_in_time(emulator: RunningEmulator, make_client: MakeClient) -> None:
    with raw_server(dripping(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", 0.05)) as port:
        client = make_client(
            emulator.base_url, emulator.ca_file, proxy=f"http://127.0.0.1:{port}", connect_timeout=0.4
        )
        start = time.monotonic()
        with pytest.raises(errors.UnreachableError) as failure:
            client.visit(MpCookies())
        assert failure.value.part == "proxy"
        assert time.monotonic() - start < 1.5


def test_the_environment_s_proxies_are_not_used(
    either_emulator: RunningEmulator,
    make_client: MakeClient,
    monkeypatch: pytest.MonkeyPatch,
    closed_port: int,
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port}")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    assert len(make_client(either_emulator.base_url, either_emulator.ca_file).visit(MpCookies())) > 0


def test_many_threads_share_one_client(emulator: RunningEmulator, make_client: MakeClient) -> None:
    client = make_client(emulator.base_url, emulator.ca_file, connections=8)
    logins = [pending_login(client) for _ in range(8)]
    for number, (_, uuid) in enumerate(logins):
        emulator.control.scan(uuid, acct_size=number % 3)
    outcomes = (ScanOutcome.SCANNED_NO_ACCOUNT, ScanOutcome.SCANNED_CONFIRM, ScanOutcome.SCANNED_CHOOSE)
    seen: dict[int, set[ScanOutcome]] = {}

    def poll(number: int) -> None:
        seen[number] = {client.ask(logins[number][0]).outcome for _ in range(20)}

    threads = [threading.Thread(target=poll, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {number: {outcomes[number % 3]} for number in range(8)}
