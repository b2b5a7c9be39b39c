"""A server that says on the wire what no HTTP library would."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Conversation = Callable[[socket.socket], None]


@contextmanager
def raw_server(conversation: Conversation, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Runs `conversation` with each connection, on a thread of its own; yields the port on loopback.

    The conversation ends with the connection, when the client has closed or the block ends.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []
    open_sockets: list[socket.socket] = []

    def converse(connection: socket.socket) -> None:
        # The client may hang up at any moment: that is what these servers provoke.
        with connection, contextlib.suppress(OSError):
            if tls is None:
                conversation(connection)
            else:
                with tls.wrap_socket(connection, server_side=True) as secured:
                    conversation(secured)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            open_sockets.append(connection)
            threads.append(threading.Thread(target=converse, args=(connection,)))
            threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield listener.getsockname()[1]
    finally:
        # close() alone does not wake the threads that block on these sockets.
        for sock in (listener, *open_sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
        for thread in threads:
            thread.join()


def read_request(connection: socket.socket) -> bytes:
    """The request's head, and its body as far as it came along."""
    received = b""
    while b"\r\n\r\n" not in received and (block := connection.recv(65536)):
        received += block
    return received


def answering(*parts: bytes) -> Conversation:
    """Says `parts` after a request, and hangs up."""

    def conversation(connection: socket.socket) -> None:
        read_request(connection)
        for part in parts:
            connection.sendall(part)

    return conversation


def endlessly(start: bytes, piece: bytes) -> Conversation:
    """Says `start` after a request, then `piece` until the client hangs up."""

    def conversation(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(start)
        while True:
            connection.sendall(piece)

    return conversation


def dripping(start: bytes, piece: bytes, pause: float) -> Conversation:
    """Says `start` after a request, then `piece` every `pause` seconds until the client hangs up."""

    def conversation(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(start)
        connection.settimeout(pause)
        while True:
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                connection.sendall(piece)

    return conversation
