"""A server on the loopback that answers as a test says: also as no FastMP would."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Reply:
    """One answer, in pieces as the gateway sends them. `is_cut` closes the connection before it is whole."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    is_cut: bool = False

    @property
    def chunks(self) -> bytes:
        """The body in HTTP/1.1's chunks, one for each line."""
        lines = self.body.splitlines(keepends=True)
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(line), line) for line in lines)
        return chunks if self.is_cut else chunks + b"0\r\n\r\n"


@dataclass
class ScriptedServer:
    """Answers in the order of `replies`, then with `always`. `requests` are the lines and headers that came."""

    url: str = ""
    replies: list[Reply] = field(default_factory=list)
    always: Reply | None = None
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)


def refusal(status: int, reason: str, message: str = "不行", **details: object) -> Reply:
    """An error in the gateway's shape."""
    kinds = {"ErrorInfo": {"reason": reason, "domain": "fastmp"}, **details}
    listed = [{"@type": f"type.googleapis.com/google.rpc.{kind}", **kinds[kind]} for kind in kinds]  # type: ignore[dict-item]
    return Reply(status, json.dumps({"code": 0, "message": message, "details": listed}).encode())


def event_stream(*events: object, is_cut: bool = False) -> Reply:
    """A stream of these events."""
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return Reply(body=body.encode(), headers={"Content-Type": "text/event-stream"}, is_cut=is_cut)


@contextmanager
def serving(*replies: Reply) -> Iterator[ScriptedServer]:
    """The server while the block runs."""
    script = ScriptedServer(replies=list(replies))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            script.requests.append((f"{self.command} {self.path}", dict(self.headers)))
            reply = script.replies.pop(0) if script.replies or script.always is None else script.always
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Transfer-Encoding", "chunked")
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(reply.chunks)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = False
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        script.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield script
        finally:
            server.shutdown()
            thread.join()
