"""HTTPS requests to receivers that are not trusted: bounded in time and size, only to allowed addresses.

The libraries for HTTP look a name up again when they connect, and their timeouts apply to each read. So the
connection is made here, and http.client only writes and reads on it.
"""

import base64
import contextlib
import http.client
import io
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from services.chassis.name_resolution import AddressInfo, Resolver
from services.notifications.sending.addresses import AllowedAddresses
from services.notifications.sending.errors import (
    AddressNotAllowedError,
    BadAnswerError,
    ConnectionFailedError,
    SendingError,
    SendingTimeoutError,
    TlsFailedError,
)

MOST_SECONDS = 10.0
MOST_BYTES = 64 * 1024
_HTTPS = 443
_LEAST_SECONDS = 0.001
_OK = 200


@dataclass(frozen=True)
class Answer:
    """The answer to a request. The body ends after MOST_BYTES, or where the time was over."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy, which tunnels connections."""

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> "Proxy":
        """Returns the proxy of http://[user:password@]host:port. Raises ValueError."""
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname or parts.port is None or parts.path not in {"", "/"}:
            raise ValueError("must be http://[user:password@]host:port")
        if parts.username is None:
            return cls(parts.hostname, parts.port)
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return cls(parts.hostname, parts.port, "Basic " + base64.b64encode(credentials.encode()).decode())


class _BoundedSocket(io.RawIOBase):
    """Reads a socket until `deadline` of time.monotonic(), and at most `most_bytes`; then it is at its end."""

    def __init__(self, sock: socket.socket, deadline: float, most_bytes: int) -> None:
        super().__init__()
        self._sock = sock
        self._deadline = deadline
        self._left = most_bytes

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Returns a buffered reader; the only method of a socket that http.client's response uses."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        if self._left <= 0:
            return 0
        self._sock.settimeout(left)
        count = self._sock.recv_into(memoryview(buffer)[: self._left])
        self._left -= count
        return count


@dataclass(frozen=True)
class Exchanges:
    """Makes requests. Thread-safe.

    `allowed` is asked once for each request, and one of its answers is connected to, through `proxy` if there is
    one.
    """

    allowed: AllowedAddresses
    context: ssl.SSLContext
    proxy: Proxy | None = field(default=None, repr=False)
    most_seconds: float = MOST_SECONDS
    # Proxies are the operator's, so their addresses are not restricted.
    proxies: Resolver = field(default_factory=Resolver)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Sends a POST request to an https URL and returns the answer, whatever its status.

        Redirects are not followed. Takes at most `most_seconds`. Raises SendingError.
        """
        return self.request("POST", url, headers, body)

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Like post(), with any method."""
        deadline = time.monotonic() + self.most_seconds
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise AddressNotAllowedError
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        host, port = parts.hostname, parts.port or _HTTPS
        with _translated(), contextlib.closing(self._connected(host, port, deadline)) as sock:
            authority = f"[{host}]" if ":" in host else host
            connection = http.client.HTTPConnection(authority, port)
            connection.sock = sock
            sent = {"Host": authority if port == _HTTPS else f"{authority}:{port}", "Connection": "close"}
            connection.request(method, path, body, {**headers, **sent})
            return _answer(sock, method, deadline)

    def _connected(self, host: str, port: int, deadline: float) -> ssl.SSLSocket:
        addresses = self.allowed.of(host, port, deadline - time.monotonic())
        if self.proxy is None:
            sock = _first(addresses, deadline)
        else:
            sock = self._tunnel(self.proxy, str(addresses[0][4][0]), port, deadline)
        try:
            sock.settimeout(_left(deadline))
            return self.context.wrap_socket(sock, server_hostname=host)
        except BaseException:
            sock.close()
            raise

    def _tunnel(self, proxy: Proxy, address: str, port: int, deadline: float) -> socket.socket:
        sock = _first(self.proxies.addresses(proxy.host, proxy.port, _left(deadline)), deadline)
        try:
            target = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
            lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
            if proxy.authorization is not None:
                lines.append(f"Proxy-Authorization: {proxy.authorization}")
            sock.settimeout(_left(deadline))
            sock.sendall("\r\n".join([*lines, "", ""]).encode())
            # Read byte by byte, because what follows the headers belongs to TLS.
            _read_tunnel_answer(sock, deadline)
        except BaseException:
            sock.close()
            raise
        return sock


def _read_tunnel_answer(sock: socket.socket, deadline: float) -> None:
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        sock.settimeout(_left(deadline))
        byte = sock.recv(1)
        if not byte or len(received) > MOST_BYTES:
            raise ConnectionFailedError
        received += byte
    if not received.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")):
        raise ConnectionFailedError


def _first(addresses: "Iterator[AddressInfo] | Any", deadline: float) -> socket.socket:
    """Returns a connection to the first address that accepts one."""
    refused: OSError = OSError("no address")
    for family, kind, protocol, _, target in addresses:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(_left(deadline))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(target)
        except OSError as error:
            sock.close()
            refused = error
        else:
            return sock
    raise refused


def _answer(sock: ssl.SSLSocket, method: str, deadline: float) -> Answer:
    bounded = _BoundedSocket(sock, deadline, MOST_BYTES)
    response = http.client.HTTPResponse(bounded, method=method)  # type: ignore[arg-type]
    with contextlib.closing(response):
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        try:
            body = response.read(MOST_BYTES)
        except (http.client.HTTPException, OSError, ValueError):
            # The status counts, and has arrived.
            body = b""
        return Answer(response.status, headers, body)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no time left")
    return max(_LEAST_SECONDS, left)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    # The errors of the libraries are not kept as causes: they may contain the URL, which is secret.
    failure: SendingError
    try:
        yield
    except SendingError:
        raise
    except ssl.SSLError:
        failure = TlsFailedError()
    except TimeoutError:
        failure = SendingTimeoutError()
    except OSError:
        failure = ConnectionFailedError()
    except (http.client.HTTPException, ValueError):
        failure = BadAnswerError()
    else:
        return
    raise failure
