"""The `grpc.server` of every ceiling: mutual TLS and threads, without interceptors."""

import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message

from services.chassis.mutual_tls import TlsFiles, server_credentials

SERVICE = "bench.Ceiling"
# The number of threads that a service of the product has for unary calls.
THREADS = 32
OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.server.max_pending_requests", 100_000),
    ("grpc.server.max_pending_requests_hard_limit", 100_000),
)


@dataclass(frozen=True)
class Ceiling:
    """A method: its implementation and the types of its request and response."""

    behaviour: Callable[[Any], Any]
    request: type[Message]
    response: type[Message]


def path_of(method: str) -> str:
    """Returns the gRPC path of a ceiling's method."""
    return f"/{SERVICE}/{method}"


def tls_files_of(arguments: Sequence[str]) -> TlsFiles:
    """Returns the TLS files in the first three arguments of a ceiling's command line."""
    authority, certificate, key = (Path(argument) for argument in arguments[:3])
    return TlsFiles(authority, certificate, key)


def serve(methods: Mapping[str, Ceiling], tls: TlsFiles) -> None:
    """Prints the port, then serves until SIGTERM."""
    server = grpc.server(ThreadPoolExecutor(THREADS), options=OPTIONS)
    server.add_registered_method_handlers(SERVICE, {name: _handler(one) for name, one in methods.items()})
    port = server.add_secure_port("127.0.0.1:0", server_credentials(tls))
    terminated = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: terminated.set())
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    terminated.wait()
    server.stop(0).wait()


def _handler(ceiling: Ceiling) -> "grpc.RpcMethodHandler[Any, Any]":
    behaviour = ceiling.behaviour
    return grpc.unary_unary_rpc_method_handler(
        lambda request, _context: behaviour(request),
        ceiling.request.FromString,
        ceiling.response.SerializeToString,
    )
