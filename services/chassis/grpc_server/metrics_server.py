"""HTTPS server of a service's Prometheus metrics, for callers with a client certificate."""

import contextlib
import socket
import ssl
import sys
import threading
from http.server import ThreadingHTTPServer
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, MetricsHandler

from services.chassis.mutual_tls import TlsFiles, WatchedTlsFiles

_log = structlog.get_logger(__name__)

# The time limit of the TLS handshake, and of each read and write after it.
CALLER_SECONDS = 10.0
# Connections at a time; further ones are closed.
MOST_CALLERS = 16


class MetricsServer:
    """Answers GET with the metrics of `registry`, each connection on a thread of its own.

    Unlike prometheus_client.start_http_server() it does the handshake on that thread, so that a silent connection
    delays no other, and it does not wake while there are no connections.
    """

    def __init__(self, host: str, port: int, tls: TlsFiles, registry: CollectorRegistry) -> None:
        """Binds `port`; the system chooses one for 0. Raises OSError if it is in use or a TLS file is missing."""
        self._server = _HttpsServer(host, port, tls, registry)
        self.port = int(self._server.server_port)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)

    def start(self) -> None:
        """Starts to accept connections."""
        self._thread.start()

    def stop(self) -> None:
        """Closes the port; answers that are being sent are not waited for. Idempotent."""
        self._stopping.set()
        # Ends the wait for a connection.
        with contextlib.suppress(OSError):
            socket.create_connection(self._server.socket.getsockname()[:2], CALLER_SECONDS).close()
        if self._thread.is_alive():
            self._thread.join()
        self._server.server_close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._server.handle_request()


class _HttpsServer(ThreadingHTTPServer):
    def __init__(self, host: str, port: int, tls: TlsFiles, registry: CollectorRegistry) -> None:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        self.address_family = family
        self._tls = tls
        self._watched = WatchedTlsFiles(tls)
        self._context = _context(tls)
        self._free = threading.Semaphore(MOST_CALLERS)
        super().__init__((str(address[0]), port), MetricsHandler.factory(registry))

    def process_request(self, request: Any, client_address: Any) -> None:
        """Starts the connection's thread, or closes the connection when there are too many."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Runs on the connection's thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Does the handshake and answers. Raises OSError for a connection that is lost or has no certificate."""
        request.settimeout(CALLER_SECONDS)
        if self._watched.renewed() is not None:
            self._context = _context(self._tls)
        with self._context.wrap_socket(request, server_side=True) as secure:
            super().finish_request(secure, client_address)

    def handle_error(self, _request: Any, client_address: Any) -> None:
        """Logs what finish_request() raised."""
        _log.debug("metrics_not_sent", client=str(client_address[0]), error=type(sys.exception()).__name__)


def _context(tls: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(tls.ca_file)
    context.load_cert_chain(tls.certificate_file, tls.key_file)
    return context
