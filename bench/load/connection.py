"""One connection of the load, over mutual TLS or in the clear."""

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
# How much is received before the server is allowed as much again.
REOPEN_WINDOW_BYTES = 1 << 24


@dataclass
class _Stream:
    begun: float
    is_success: bool = False
    has_body: bool = False


@dataclass
class Ended:
    """Calls that have been answered: seconds of each that succeeded, and how many did not."""

    seconds: list[float] = field(default_factory=list)
    failures: int = 0


class LoadConnection:
    """Calls over one connection. A call has succeeded when its answer has status 200 and a body.

    A gRPC call that is refused has none: its answer is made of trailers alone.
    """

    def __init__(self, address: str, tls: TlsFiles | None = None, server_name: str | None = None) -> None:
        """Connects to "host:port"; with `tls`, to the server whose certificate carries `server_name`."""
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
        """Calls that have not been answered."""
        return len(self._streams)

    @property
    def answering(self) -> int:
        """Calls whose answer has begun and has not ended."""
        return sum(stream.has_body for stream in self._streams.values())

    def close(self) -> None:
        """Closes the connection, whatever is under way."""
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
        """Waits for something to arrive, and gives the calls that it ends.

        Raises ConnectionError when the server ends the connection, TimeoutError when nothing comes.
        """
        ended = Ended()
        while True:
            chunk = self.socket.recv(CHUNK_BYTES)
            if not chunk:
                raise ConnectionError("the server has closed the connection")
            self._received += chunk
            self._take_frames(ended)
            # What TLS has decrypted already shows on no selector.
            if not isinstance(self.socket, ssl.SSLSocket) or not self.socket.pending():
                return ended

    def call(self, call: PreparedCall) -> float:
        """Makes one call and gives its seconds. Raises ConnectionError also when it does not succeed."""
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
                ended.seconds.append(time.perf_counter() - call.begun)
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
