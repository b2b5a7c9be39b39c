"""The effects of faults on the connection and the answer."""

import asyncio
import random
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Callable

from aiohttp import web

from deploy.wechat_emulator.fault_spec import Fault

_BLOCK = 64 * 1024
_DEFAULT_SIZES = {
    "garbage": 1024,
    "huge": 50 * 1024 * 1024,
    "gzip_bomb": 50 * 1024 * 1024,
    "deep_json": 100_000,
}
_HTML_PAGE = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_NEEDS_TRUE_BODY = {"delay", "truncated", "cut_short", "drip"}
_BREAKS_CONNECTION = {"drop", "reset", "cut_short", "not_http"}
# TCP: linger for 0 seconds, so that closing sends RST in place of FIN.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


async def carry_out(
    fault: Fault, request: web.Request, true_answer: Callable[[], web.Response], rng: random.Random
) -> web.StreamResponse:
    """Returns the answer to send instead of `true_answer()`.

    `true_answer` is called only if the fault occurs after processing, or modifies the true body.
    """
    if fault.kind == "delay" and not fault.after_processing:
        await asyncio.sleep(fault.seconds)
    answer = true_answer() if fault.after_processing or fault.kind in _NEEDS_TRUE_BODY else web.Response()
    if fault.kind == "delay":
        if fault.after_processing:
            await asyncio.sleep(fault.seconds)
        return answer
    if fault.kind == "truncated":
        body = _body_of(answer)
        answer.body = body[: len(body) // 2]
        return answer
    if fault.kind == "drip":
        return await _drip(answer, request, fault.seconds)
    if fault.kind in _BREAKS_CONNECTION:
        return _break_connection(fault, request, answer)
    return _substitute(fault, request, rng)


def _substitute(fault: Fault, request: web.Request, rng: random.Random) -> web.Response:
    size = fault.size if fault.size is not None else _DEFAULT_SIZES.get(fault.kind, 0)
    status, headers = fault.status or 200, {"Content-Type": fault.content_type}
    body: bytes | AsyncIterator[bytes] = fault.body.encode()
    match fault.kind:
        case "status":
            status, headers = fault.status or 500, {"Content-Type": "text/plain"}
        case "html":
            body, headers = _HTML_PAGE, {"Content-Type": "text/html; charset=UTF-8"}
        case "empty":
            body = b""
        case "redirect":
            status, headers = 302, {"Location": fault.location or str(request.rel_url)}
        case "garbage":
            body = rng.randbytes(size)
        case "huge":
            body = _blanks(size)
        case "gzip_bomb":
            body, headers["Content-Encoding"] = _gzipped_blanks(size), "gzip"
        case "deep_json":
            body = b"[" * size + b"]" * size
    return web.Response(status=status, body=body, headers=headers)


def _break_connection(fault: Fault, request: web.Request, answer: web.Response) -> web.Response:
    transport = request.transport
    if transport is None:
        return answer
    if fault.kind == "reset":
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
        return answer
    if fault.kind == "cut_short":
        body = _body_of(answer)
        headers = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        head = f"HTTP/1.1 {answer.status} OK\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        transport.write(head.encode() + body[: len(body) // 2])
    elif fault.kind == "not_http":
        transport.write(b"\x00\x01\x02 SSH-2.0-nothing here is HTTP\r\n\r\n")
    transport.close()
    return answer


async def _drip(answer: web.Response, request: web.Request, seconds: float) -> web.StreamResponse:
    slow = web.StreamResponse(status=answer.status, headers=answer.headers)
    body = _body_of(answer)
    slow.content_length = len(body)
    await slow.prepare(request)
    for byte in body:
        await slow.write(bytes((byte,)))
        await asyncio.sleep(seconds)
    return slow


def _body_of(answer: web.Response) -> bytes:
    # A streamed avatar has no body to cut; the client gets an empty one.
    return answer.body if isinstance(answer.body, bytes) else b""


async def _blanks(size: int) -> AsyncIterator[bytes]:
    # Blanks may precede any JSON value, so a streaming parser does not reject them.
    for start in range(0, size, _BLOCK):
        yield b" " * min(_BLOCK, size - start)


async def _gzipped_blanks(size: int) -> AsyncIterator[bytes]:
    packer = zlib.compressobj(wbits=31)
    async for block in _blanks(size):
        yield packer.compress(block)
    yield packer.flush()
