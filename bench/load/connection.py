"""One connection of the load, over mutual TLS or in plaintext."""

import socket
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.load.frames import (
    ACK,
    DATA,
    END_STREAM,
    FRAME_HEADER_BYTES,
    GOAWAY,
    HEADERS,
    PING,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    PreparedCall,
    frame,
    is_status_200,
    opening,
)
from services.chassis.mutual_tls import TlsFiles

CHUNK_BYTES = 1 << 18
TIMEOUT_SECONDS = 60.0
# The number of bytes received after which the flow-control window is reopened.
REOPEN_WINDOW_BYTES = 1 << 24


@dataclass
class _Stream:
    started_at: float
    is_success: bool = False
    has_body: bool = False


@dataclass
class Ended:
    """Calls that have ended: the seconds of each successful one, and the number of failures."""

    seconds: list[float] = field(default_factory=list)
    failures: int = 0


class LoadConnection:
    """Calls over one connection. A call is successful if its answer has status 200 and a body.

    The answer to a refused gRPC call has only trailers and no body.
    """

    def __init__(self, address: str, tls: TlsFiles | None = None, server_name: str | None = None) -> None:
        """Connects to "host:port"; with `tls`, the server's certificate must have `server_name`."""
        host, _, port = address.rpartition(":")
        plain = socket.create_connection((host, int(port)), TIMEOUT_SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = plain if tls is None else _wrapped(plain, tls, server_name)
        self._streams: dict[int, _Stream] = {}
        self._next_stream = 1
        self._received = bytearray()
        self._unreported_bytes = 0
        self.socket.sendall(opening())

    @property
    def in_flight(self) -> int:
        """The number of calls that have not ended."""
        return len(self._streams)

    @property
    def answering(self) -> int:
        """The number of calls whose answer has started but not ended."""
        return sum(stream.has_body for stream in self._streams.values())

    def close(self) -> None:
        """Closes the connection, with any calls in flight."""
        self.socket.close()

    def begin(self, calls: list[PreparedCall]) -> None:
        """Sends the calls."""
        out = bytearray()
        now = time.perf_counter()
        for call in calls:
            self._streams[self._next_stream] = _Stream(now)
            out += call.frames(self._next_stream)
            self._next_stream += 2
        self.socket.sendall(out)

    def receive(self) -> Ended:
        """Waits for data and returns the calls that have ended.

        Raises ConnectionError if the server closes the connection, TimeoutError if no data arrives.
        """
        ended = Ended()
        while True:
            chunk = self.socket.recv(CHUNK_BYTES)
            if not chunk:
                raise ConnectionError("the server has closed the connection")
            self._received += chunk
            self._take_frames(ended)
            # A selector does not report data that TLS has already decrypted.
            if not isinstance(self.socket, ssl.SSLSocket) or not self.socket.pending():
                return ended

    def call(self, call: PreparedCall) -> float:
        """Makes one call and returns its seconds. Raises ConnectionError also if the call fails."""
        self.begin([call])
        while True:
            ended = self.receive()
            if ended.failures:
                raise ConnectionError("the call was refused")
            if ended.seconds:
                return ended.seconds[0]

    def _take_frames(self, ended: Ended) -> None:
        data, start = self._received, 0
        while len(data) - start >= FRAME_HEADER_BYTES:
            length_and_kind, flags, stream = struct.unpack_from(">IBI", data, start)
            length, kind = length_and_kind >> 8, length_and_kind & 0xFF
            begin = start + FRAME_HEADER_BYTES
            if len(data) < begin + length:
                break
            start = begin + length
            if kind in {DATA, HEADERS, RST_STREAM}:
                self._take_answer(kind, flags, stream, data, begin, start, ended)
            else:
                self._take_control(kind, flags, bytes(data[begin:start]))
        del data[:start]
        if self._unreported_bytes > REOPEN_WINDOW_BYTES:
            widened = struct.pack(">I", self._unreported_bytes)
            self.socket.sendall(frame(WINDOW_UPDATE, 0, 0, widened))
            self._unreported_bytes = 0

    def _take_answer(
        self, kind: int, flags: int, stream: int, data: bytearray, begin: int, end: int, ended: Ended
    ) -> None:
        call = self._streams.get(stream)
        if call is None:
            return
        if kind == DATA:
            call.has_body = call.has_body or end > begin
            self._unreported_bytes += end - begin
        elif kind == HEADERS and not call.has_body:
            call.is_success = is_status_200(flags, data[begin:end])
        if kind == RST_STREAM or flags & END_STREAM:
            del self._streams[stream]
            if kind != RST_STREAM and call.is_success and call.has_body:
                ended.seconds.append(time.perf_counter() - call.started_at)
            else:
                ended.failures += 1

    def _take_control(self, kind: int, flags: int, payload: bytes) -> None:
        if kind == GOAWAY:
            raise ConnectionError(f"the server ends the connection: {payload[8:].decode(errors='replace')}")
        if kind in {SETTINGS, PING} and not flags & ACK:
            self.socket.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))


def _wrapped(plain: socket.socket, tls: TlsFiles, server_name: str | None) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(tls.ca_file))
    context.load_cert_chain(tls.certificate_file, tls.key_file)
    context.set_alpn_protocols(["h2"])
    return context.wrap_socket(plain, server_hostname=server_name)


Connect = Callable[[], LoadConnection]
