"""A receiver of webhooks: an HTTPS server on loopback that keeps what it was sent; tests set its answers."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from services.chassis.mutual_tls import TlsFiles


@dataclass(frozen=True)
class Received:
    """A request: its path, headers by lower-case name, and body."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def content(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """An answer: status, headers and body; or none for `hang_seconds` if that is given."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    hang_seconds: float = 0.0


class Receiver:
    """The server. `replies` by path override the answer 204."""

    def __init__(self, tls: TlsFiles) -> None:
        self.received: list[Received] = []
        self.replies: dict[str, Reply] = {}
        self.on_received: Callable[[Received], None] = lambda _: None
        self._closing = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                one = Received(self.path, headers, body)
                outer.received.append(one)
                outer.on_received(one)
                reply = outer.replies.get(self.path, Reply())
                if reply.hang_seconds:
                    outer._closing.wait(reply.hang_seconds)
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                try:
                    self.wfile.write(reply.body)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None: ...

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: object) -> None: ...

        self._server = Quiet(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.certificate_file, tls.key_file)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str = "/hook") -> str:
        return f"https://localhost:{self.port}{path}"

    def at(self, path: str) -> list[Received]:
        """What was sent to this path."""
        return [one for one in self.received if one.path == path]

    def has_more_than(self, count: int) -> bool:
        """Whether more than `count` messages were sent."""
        return len(self.received) > count

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    begin = time.monotonic()
    call()
    return time.monotonic() - begin
