"""Exchanges with receivers that hang, drip, answer too much or are not who they should be; and through a proxy."""

import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping

import pytest

from services.chassis.mutual_tls import TlsFiles
from services.chassis.name_resolution import Resolver
from services.notifications.sending.addresses import AllowedAddresses
from services.notifications.sending.errors import (
    AddressNotAllowedError,
    BadAnswerError,
    SendingTimeoutError,
    TlsFailedError,
)
from services.notifications.sending.exchange import MOST_BYTES, Exchanges, Proxy
from tests.service.notifications.receiver import Receiver, Reply

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
SECONDS = 1.0


@pytest.fixture(scope="module")
def receiver(certificates: Mapping[str, TlsFiles]) -> Iterator[Receiver]:
    receiver = Receiver(certificates["identity"])
    yield receiver
    receiver.close()


@pytest.fixture
def exchanges(certificates: Mapping[str, TlsFiles]) -> Exchanges:
    return through(certificates, None)


def through(certificates: Mapping[str, TlsFiles], proxy: Proxy | None) -> Exchanges:
    context = ssl.create_default_context(cafile=str(certificates["identity"].ca_file))
    return Exchanges(AllowedAddresses(Resolver(), LOOPBACK), context, proxy, SECONDS)


@contextlib.contextmanager
def serving(handle: Callable[[ssl.SSLSocket], None], tls: TlsFiles, host: str = "localhost") -> Iterator[str]:
    """A server that answers one request, with the body `x`, by `handle`; yields its URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate_file, tls.key_file)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            with contextlib.suppress(OSError), context.wrap_socket(listening.accept()[0], True) as connection:
                received = b""
                # A connection that is closed with unread data is reset.
                while not received.endswith(b"\r\n\r\nx") and (part := connection.recv(65536)):
                    received += part
                handle(connection)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"https://{host}:{listening.getsockname()[1]}/"


def drip(connection: ssl.SSLSocket) -> None:
    """A header a moment, each well before a timeout between two reads."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(100):
        time.sleep(0.1)
        connection.sendall(b"X-%d: 1\r\n" % number)


def test_a_receiver_that_hangs_is_given_up_in_time(exchanges: Exchanges, receiver: Receiver) -> None:
    receiver.replies["/hang"] = Reply(hang_seconds=5)
    begin = time.monotonic()
    with pytest.raises(SendingTimeoutError):
        exchanges.post(receiver.url("/hang"), {}, b"x")
    assert SECONDS <= time.monotonic() - begin < 3 * SECONDS


def test_an_answer_that_drips_is_given_up_in_time(
    exchanges: Exchanges, certificates: Mapping[str, TlsFiles]
) -> None:
    begin = time.monotonic()
    with serving(drip, certificates["identity"]) as url, pytest.raises(SendingTimeoutError):
        exchanges.post(url, {}, b"x")
    assert time.monotonic() - begin < 3 * SECONDS


def test_of_a_long_answer_64_kibibytes_are_read(exchanges: Exchanges, receiver: Receiver) -> None:
    receiver.replies["/long"] = Reply(200, body=b"x" * 50_000_000)

    answer = exchanges.post(receiver.url("/long"), {}, b"x")

    assert answer.status == 200
    assert len(answer.body) <= MOST_BYTES


def test_headers_without_end_are_read_as_far_as_an_answer_may_be_long(
    exchanges: Exchanges, certificates: Mapping[str, TlsFiles]
) -> None:
    sent: list[int] = []

    def flood(connection: ssl.SSLSocket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X: " + b"1" * 10_000 + b"\r\n")
            sent.append(10_000)

    with serving(flood, certificates["identity"]) as url:
        assert exchanges.post(url, {}, b"x").status == 200
    # The rest fits into the buffers of the two sockets.
    assert sum(sent) < 20_000_000


def test_what_is_not_http_is_a_bad_answer(exchanges: Exchanges, certificates: Mapping[str, TlsFiles]) -> None:
    def greet(connection: ssl.SSLSocket) -> None:
        connection.sendall(b"hello\r\n\r\n")

    with serving(greet, certificates["identity"]) as url, pytest.raises(BadAnswerError):
        exchanges.post(url, {}, b"x")


def test_a_certificate_of_another_authority_is_refused(
    exchanges: Exchanges, certificates: Mapping[str, TlsFiles]
) -> None:
    with serving(drip, certificates["stranger"]) as url, pytest.raises(TlsFailedError):
        exchanges.post(url, {}, b"x")


def test_plain_http_is_never_spoken(exchanges: Exchanges) -> None:
    with pytest.raises(AddressNotAllowedError):
        exchanges.post("http://localhost/", {}, b"x")


def test_a_proxy_gets_the_checked_address_and_sees_nothing_else(
    certificates: Mapping[str, TlsFiles], receiver: Receiver
) -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def tunnel() -> None:
            with listening.accept()[0] as client:
                asked.append(client.recv(4096))
                with socket.create_connection(("127.0.0.1", receiver.port)) as server:
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    back = threading.Thread(target=pump, args=(server, client), daemon=True)
                    back.start()
                    asked.append(pump(client, server))
                    back.join(5)

        thread = threading.Thread(target=tunnel, daemon=True)
        thread.start()
        proxy = Proxy.parse(f"http://me:secret@127.0.0.1:{listening.getsockname()[1]}")
        answer = through(certificates, proxy).post(receiver.url("/proxied"), {"x-a": "b"}, b"payload")
        thread.join(5)

    assert answer.status == 204
    assert receiver.at("/proxied")[0].body == b"payload"
    target = f"CONNECT 127.0.0.1:{receiver.port} ".encode()
    assert asked[0].startswith((target, f"CONNECT [::1]:{receiver.port} ".encode()))
    assert b"Proxy-Authorization: Basic bWU6c2VjcmV0" in asked[0]
    assert b"payload" not in asked[1]


def test_a_proxy_is_not_asked_for_an_inner_address(certificates: Mapping[str, TlsFiles]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0)
        proxy = Proxy.parse(f"http://127.0.0.1:{listening.getsockname()[1]}")
        strict = Exchanges(AllowedAddresses(Resolver()), ssl.create_default_context(), proxy, SECONDS)
        with pytest.raises(AddressNotAllowedError):
            strict.post("https://localhost/", {}, b"x")
        with pytest.raises(BlockingIOError):
            listening.accept()


def pump(source: socket.socket, target: socket.socket) -> bytes:
    """Copies until the end, and returns what was copied."""
    copied = b""
    with contextlib.suppress(OSError):
        while part := source.recv(65536):
            copied += part
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)
    return copied
