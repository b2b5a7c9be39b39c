"""Waiting until a process of the stack answers, with a timeout."""

import http.client
import socket
import ssl
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import grpc
from grpc_health.v1 import health_pb2

from deploy.local.errors import LocalStackError
from deploy.local.ports import LOOPBACK
from deploy.local.processes import RunningProgram
from services.chassis.channels import channel
from services.chassis.mutual_tls import TlsFiles

READY_TIMEOUT_SECONDS = 60.0
PROBE_INTERVAL_SECONDS = 0.05
PROBE_TIMEOUT_SECONDS = 2.0


def await_answer(program: RunningProgram, answers: Callable[[], bool]) -> None:
    """Waits until `answers()` is true. Raises LocalStackError if `program` ends first, or on a timeout."""
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    while not answers():
        if program.exit_status is not None:
            raise LocalStackError(program.death_notice())
        if time.monotonic() > deadline:
            message = f"{program.name} was not ready within {READY_TIMEOUT_SECONDS:.0f} s"
            raise LocalStackError(f"{message}{program.last_lines()}")
        time.sleep(PROBE_INTERVAL_SECONDS)


def await_serving(program: RunningProgram, service: str, ops_address: str, tls: TlsFiles) -> None:
    """Waits until the service's health check, over mutual TLS, is SERVING. Raises as `await_answer` does."""
    with channel(ops_address, service, tls) as connection:
        check = connection.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )

        def serves() -> bool:
            try:
                answer = check(health_pb2.HealthCheckRequest(), timeout=PROBE_TIMEOUT_SECONDS)
            except grpc.RpcError:
                return False
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

        await_answer(program, serves)


def await_connections(program: RunningProgram, port: int) -> None:
    """Waits until a process listens on the port. Raises as `await_answer` does."""

    def listens() -> bool:
        try:
            socket.create_connection((LOOPBACK, port), PROBE_TIMEOUT_SECONDS).close()
        except OSError:
            return False
        return True

    await_answer(program, listens)


def await_health_page(program: RunningProgram, url: str) -> None:
    """Waits for 200 from GET /health at the gateway's `url`. Raises as `await_answer` does."""
    address = urlsplit(url)
    # The certificate has the gateway's public name, under which this machine need not reach it.
    unverified = ssl.create_default_context()
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE

    def answers() -> bool:
        connection = http.client.HTTPConnection(address.netloc, timeout=PROBE_TIMEOUT_SECONDS)
        if address.scheme == "https":
            connection = http.client.HTTPSConnection(
                address.netloc, timeout=PROBE_TIMEOUT_SECONDS, context=unverified
            )
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    await_answer(program, answers)
