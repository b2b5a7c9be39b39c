"""The parts of HTTP/2 (RFC 9113) and HPACK (RFC 7541) that the load needs.

A grpcio client needs about as much CPU as the server, so with one core for each, the client would be the
bottleneck. A call of precomputed bytes needs a tenth of that.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_HEADER_BYTES = 9
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
ACK = END_STREAM = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITY = 0x20
LARGEST_WINDOW = 2**31 - 1
DEFAULT_WINDOW = 2**16 - 1
ENABLE_PUSH, INITIAL_WINDOW_SIZE = 0x2, 0x4
# ":status: 200" is entry 8 of HPACK's static table; a dynamic table size update may precede it.
_STATUS_200 = 0x88
_TABLE_SIZE_MASK, _TABLE_SIZE = 0xE0, 0x20


@dataclass(frozen=True)
class PreparedCall:
    """A request as precomputed frames, without the stream's number."""

    header_block: bytes = field(repr=False)
    body: bytes = field(repr=False)

    def frames(self, stream: int) -> bytes:
        """Returns the frames of the request on `stream`."""
        if not self.body:
            return frame(HEADERS, END_HEADERS | END_STREAM, stream, self.header_block)
        return frame(HEADERS, END_HEADERS, stream, self.header_block) + frame(
            DATA, END_STREAM, stream, self.body
        )


def grpc_call(path: str, message: bytes, token: str | None = None) -> PreparedCall:
    """Returns a unary gRPC call of "/package.Service/Method" with an encoded message."""
    headers = [
        (":method", "POST"),
        (":scheme", "https"),
        (":path", path),
        (":authority", "bench"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ]
    return PreparedCall(_header_block(headers, token), b"\0" + struct.pack(">I", len(message)) + message)


def rest_call(method: str, path: str, body: bytes = b"", token: str | None = None) -> PreparedCall:
    """Returns a REST call; `body` is JSON."""
    headers = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "localhost")]
    if body:
        headers.append(("content-type", "application/json"))
    return PreparedCall(_header_block(headers, token), body)


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Returns one frame."""
    return struct.pack(">IBI", len(payload) << 8 | kind, flags, stream) + payload


def opening() -> bytes:
    """Returns a client's first bytes: no push, and windows so large that the server never waits for the client."""
    settings = struct.pack(">HIHI", ENABLE_PUSH, 0, INITIAL_WINDOW_SIZE, LARGEST_WINDOW)
    widened = struct.pack(">I", LARGEST_WINDOW - DEFAULT_WINDOW)
    return PREFACE + frame(SETTINGS, 0, 0, settings) + frame(WINDOW_UPDATE, 0, 0, widened)


def is_status_200(flags: int, header_block: bytes | bytearray) -> bool:
    """Whether the first headers of an answer have status 200. Raises ValueError for padding and priorities."""
    if flags & (PADDED | PRIORITY):
        raise ValueError("padded headers and priorities are not understood")
    start = 0
    while header_block[start] & _TABLE_SIZE_MASK == _TABLE_SIZE:
        # An integer of five bits, with further bytes if all of them are set.
        if header_block[start] & 0x1F == 0x1F:
            start += 1
            while header_block[start] & 0x80:
                start += 1
        start += 1
    return header_block[start] == _STATUS_200


def _header_block(headers: Iterable[tuple[str, str]], token: str | None) -> bytes:
    authorization = [("authorization", f"Bearer {token}")] if token else []
    # Literals without indexing, so that the block is the same for all calls and connections.
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in [*headers, *authorization])


def _text(value: str) -> bytes:
    """Encodes a string for HPACK without Huffman coding: its length, an integer with a 7-bit prefix, its bytes."""
    raw = value.encode()
    if len(raw) < 0x7F:
        return bytes((len(raw),)) + raw
    rest = len(raw) - 0x7F
    length = b"\x7f"
    while rest >= 0x80:
        length += bytes((rest & 0x7F | 0x80,))
        rest >>= 7
    return length + bytes((rest,)) + raw
