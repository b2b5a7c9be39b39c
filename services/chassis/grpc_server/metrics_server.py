"""Prometheus metrics over HTTPS, for callers with a certificate. It sleeps until somebody asks."""

import contextlib
import socket
import ssl
import sys
import threading
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import structlog
from prometheus_client import CollectorRegistry, make_wsgi_app

from services.chassis.mutual_tls import TlsFiles, WatchedTlsFiles

_log = structlog.get_logger(__name__)

# For each read and write of a caller's, the handshake included.
CALLER_SECONDS = 10.0
# At a time; who comes beyond them is turned away.
MOST_CALLERS = 16


class MetricsServer:
    """Serves the metrics of `registry`, each caller in a thread of its own.

    prometheus_client's own server wakes twice a second to see whether it shall stop, and does the handshakes one
    after the other: a caller that connects and says nothing keeps it from all others, and from stopping.
    """

    def __init__(self, host: str, port: int, tls: TlsFiles, registry: CollectorRegistry) -> None:
        """Binds the port, 0 for one of the system's choice. Raises OSError for one in use or no certificate."""
        self._server = _HttpsServer(host, port, tls)
        self._server.set_app(make_wsgi_app(registry))
        self.port = int(self._server.server_port)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)

    def start(self) -> None:
        """Starts to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Frees the port; running answers end by themselves. Idempotent."""
        self._stopping.set()
        # The thread waits for a caller, so here is one.
        with contextlib.suppress(OSError):
            socket.create_connection(self._server.socket.getsockname()[:2], CALLER_SECONDS).close()
        if self._thread.is_alive():
            self._thread.join()
        self._server.server_close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._server.handle_request()


class _HttpsServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, tls: TlsFiles) -> None:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        self.address_family = family
        self._tls = tls
        self._watched = WatchedTlsFiles(tls)
        self._context = _context(tls)
        self._free = threading.Semaphore(MOST_CALLERS)
        super().__init__((str(address[0]), port), _SilentHandler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Takes a caller, if there is room: before the handshake it may be anybody."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serves a caller, and makes room for the next."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """The handshake and the answer, in the caller's thread."""
        request.settimeout(CALLER_SECONDS)
        if self._watched.renewed() is not None:
            self._context = _context(self._tls)
        with self._context.wrap_socket(request, server_side=True) as secure:
            super().finish_request(secure, client_address)

    def handle_error(self, _request: Any, client_address: Any) -> None:
        """A caller without a certificate, or one that went away."""
        _log.debug("metrics_not_sent", client=str(client_address[0]), error=type(sys.exception()).__name__)


class _SilentHandler(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Writes nothing: each scrape would be a line."""


def _context(tls: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(tls.ca_file)
    context.load_cert_chain(tls.certificate_file, tls.key_file)
    return context
