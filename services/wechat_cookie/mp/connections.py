"""Connections that limit the time and the size of an answer.

The timeouts of `requests` apply to each read from the socket: a server that sends a byte now and then never
exceeds them, neither in the headers nor in the body. Here the timeout that urllib3 sets before it reads an answer
is the time for the whole answer.
"""

import http.client
import io
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any, ClassVar

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError, ProxyError
from urllib3.util.timeout import Timeout

from services.chassis.name_resolution import AddressInfo, Resolver
from services.wechat_cookie.mp.errors import AnswerTooLargeError

# Zero would make a socket non-blocking.
_LEAST_TIMEOUT = 0.001


class ExchangeTimeout(Timeout):
    """A urllib3 timeout whose parts all end at `deadline` of time.monotonic() at the latest."""

    def __init__(self, connect: float, read: float, deadline: float) -> None:
        super().__init__(connect=connect, read=read)
        self._limits = (connect, read)
        self._deadline = deadline

    def clone(self) -> "ExchangeTimeout":
        """Returns itself: the deadline belongs to an exchange, and urllib3 clones before each part of it."""
        return self

    @property
    def connect_timeout(self) -> float:
        """Seconds left for the connection."""
        return max(_LEAST_TIMEOUT, min(self._limits[0], self._deadline - time.monotonic()))

    @property
    def read_timeout(self) -> float:
        """Seconds left for the whole answer."""
        return max(_LEAST_TIMEOUT, min(self._limits[1], self._deadline - time.monotonic()))


@dataclass(frozen=True)
class Bounds:
    """Limits of all connections of a client. `most_bytes` includes headers, framing and body of an answer."""

    resolver: Resolver
    most_bytes: int


class _BoundedReader(io.RawIOBase):
    """Reads a socket until `deadline` of time.monotonic(), and at most `most_bytes`."""

    def __init__(self, sock: socket.socket, deadline: float, most_bytes: int) -> None:
        super().__init__()
        self._sock = sock
        self._incoming = sock.makefile("rb", buffering=0)
        self._deadline = deadline
        self._left = most_bytes

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Returns a buffered reader; the only method of a socket that http.client's response uses."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._sock.settimeout(left)
        count = self._incoming.readinto(buffer)
        self._left -= count or 0
        if self._left < 0:
            raise AnswerTooLargeError
        return count

    def close(self) -> None:
        # The socket counts its files and closes with the last one.
        self._incoming.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def begin(self) -> None:
        super().begin()
        # http.client stops at the first malformed line and drops the headers after it, including cookies;
        # urllib3 continues with a warning that contains the URL, and so the token.
        if self.headers.defects or self.headers.get_payload():
            raise http.client.HTTPException("malformed headers")


class _Bounded(HTTPConnection):
    bounds: ClassVar[Bounds]

    def response_class(self, sock: socket.socket, *_args: Any, method: str | None = None) -> _Response:  # type: ignore[override]
        timeout = self.timeout or _LEAST_TIMEOUT
        reader = _BoundedReader(sock, time.monotonic() + timeout, self.bounds.most_bytes)
        return _Response(reader, method=method)  # type: ignore[arg-type]

    def _new_conn(self) -> socket.socket:
        """Connects to the first address that accepts, within one connect timeout that includes name resolution.

        The original applies the whole timeout to each address, and no limit to name resolution.
        """
        deadline = time.monotonic() + (self.timeout or _LEAST_TIMEOUT)
        try:
            return self._connected(deadline)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "no connection in time") from error
        except OSError as error:
            raise NewConnectionError(self, "no connection") from error

    def _tunnel(self) -> None:
        """Requests a tunnel from the proxy. urllib3 would report a proxy's failure here as the server's."""
        try:
            super()._tunnel()
        except (OSError, http.client.HTTPException) as error:
            raise ProxyError("no tunnel", error) from error

    def _connected(self, deadline: float) -> socket.socket:
        addresses = self.bounds.resolver.addresses(self._dns_host, self.port, deadline - time.monotonic())
        refused: OSError = OSError("no address")
        for address in addresses:
            try:
                return self._connect_to(address, deadline)
            except OSError as error:
                refused = error
        raise refused

    def _connect_to(self, address: AddressInfo, deadline: float) -> socket.socket:
        family, kind, protocol, _, target = address
        sock = socket.socket(family, kind, protocol)
        try:
            for option in self.socket_options or ():
                sock.setsockopt(*option)
            sock.settimeout(max(_LEAST_TIMEOUT, deadline - time.monotonic()))
            sock.connect(target)
            # The TLS handshake takes its limit from the socket.
            sock.settimeout(max(_LEAST_TIMEOUT, deadline - time.monotonic()))
        except BaseException:
            sock.close()
            raise
        return sock


class _BoundedTls(_Bounded, HTTPSConnection):
    def connect(self) -> None:
        """Connects, including TLS. Failures of the handshake are failures to connect."""
        try:
            super().connect()
        except ssl.SSLError:
            raise
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "no TLS in time") from error
        except OSError as error:
            raise NewConnectionError(self, "no TLS") from error


def pool_classes(bounds: Bounds) -> dict[str, Any]:
    """Returns the `pool_classes_by_scheme` of a PoolManager whose connections respect `bounds`."""
    http = type("_HttpConnection", (_Bounded,), {"bounds": bounds})
    https = type("_HttpsConnection", (_BoundedTls,), {"bounds": bounds})
    return {
        "http": type("_HttpPool", (HTTPConnectionPool,), {"ConnectionCls": http}),
        "https": type("_HttpsPool", (HTTPSConnectionPool,), {"ConnectionCls": https}),
    }
