"""The server itself: health, reflection, metrics, drain, ports."""

import contextlib
import functools
import socket
import ssl
import threading
import urllib.request
from collections.abc import Mapping
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from prometheus_client import CollectorRegistry

from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.grpc_server.metrics_server import MOST_CALLERS
from services.chassis.grpc_server.server import Listen, Pool, Server
from services.chassis.mutual_tls import TlsFiles
from tests.service.chassis.conftest import NOW, SERVICE, Principals, Running
from tests.support.waiting import wait_until

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def health(running: Running, port: int) -> int:
    stub: Any = health_pb2_grpc.HealthStub(running.channel(port=port))
    return int(stub.Check(health_pb2.HealthCheckRequest(service=SERVICE.full_name), timeout=10).status)


def is_serving(running: Running, port: int) -> bool:
    return health(running, port) == SERVING


def metrics(running: Running, *, with_certificate: bool = True) -> bytes:
    tls = running.certificates["ops"]
    context = ssl.create_default_context(cafile=str(tls.ca_file))
    if with_certificate:
        context.load_cert_chain(tls.certificate_file, tls.key_file)
    url = f"https://127.0.0.1:{running.server.metrics_port}/metrics"
    with urllib.request.urlopen(url, context=context, timeout=10) as answer:
        return bytes(answer.read())


def test_health_follows_readiness_on_both_ports(running: Running) -> None:
    for port in (running.server.port, running.server.operations_port):
        wait_until(functools.partial(is_serving, running, port))
    running.is_ready.clear()
    wait_until(lambda: health(running, running.server.operations_port) == NOT_SERVING)
    running.is_ready.set()
    wait_until(lambda: health(running, running.server.port) == SERVING)


def test_health_answers_while_every_thread_is_busy(running: Running) -> None:
    release, begun = threading.Event(), []

    def do(_request: object, _context: grpc.ServicerContext) -> pb.Account:
        begun.append(1)
        release.wait(20)
        return pb.Account()

    running.servicer.do = do
    busy = [running.stub().Register.future(pb.RegisterRequest(), timeout=20) for _ in range(8)]
    wait_until(lambda: len(begun) == 4)
    assert health(running, running.server.operations_port) == SERVING
    release.set()
    for call in busy:
        call.result()


def test_reflection_names_the_service_for_grpcurl(running: Running) -> None:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(running.channel())
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    answer = next(stub.ServerReflectionInfo(iter([request]), timeout=10))
    assert SERVICE.full_name in {service.name for service in answer.list_services_response.service}


def test_metrics_are_for_callers_with_a_certificate(running: Running) -> None:
    with pytest.raises(OSError, match=r"certificate|SSL|reset|EOF"):
        metrics(running, with_certificate=False)
    assert b"grpc_server_handling_seconds" in metrics(running)


def test_a_silent_caller_keeps_no_other_from_the_metrics_and_the_server_from_no_stop(
    running: Running,
) -> None:
    with socket.create_connection(("127.0.0.1", running.server.metrics_port), timeout=10):
        assert b"grpc_server_handling_seconds" in metrics(running)
        running.server.stop(drain_seconds=0, grace_seconds=0)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", running.server.metrics_port), timeout=10)


def test_of_many_silent_callers_of_the_metrics_those_beyond_the_bound_are_turned_away(
    running: Running,
) -> None:
    address = ("127.0.0.1", running.server.metrics_port)
    with contextlib.ExitStack() as held:
        for _ in range(MOST_CALLERS):
            held.enter_context(socket.create_connection(address, timeout=10))
        with socket.create_connection(address, timeout=5) as one_too_many:
            assert one_too_many.recv(1) == b""
    wait_until(lambda: _is_told(running))


def _is_told(running: Running) -> bool:
    try:
        return b"grpc_server_handling_seconds" in metrics(running)
    except OSError:
        return False


def test_a_stranger_with_a_certificate_of_another_authority_is_turned_away(running: Running) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        running.stub("stranger").Register(pb.RegisterRequest(), timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_an_occupied_port_is_an_error_and_not_shared(
    running: Running, certificates: Mapping[str, TlsFiles]
) -> None:
    with pytest.raises(RuntimeError, match="bind"):
        Server(
            SERVICE,
            Listen("127.0.0.1", running.server.port, 0, 0),
            certificates["identity"],
            Principals(),
            lambda: NOW,
            lambda: True,
            Pool(4, 2),
            CollectorRegistry(),
        )


def test_a_running_call_ends_before_the_server_does(running: Running) -> None:
    begun, release = threading.Event(), threading.Event()

    def do(_request: object, _context: grpc.ServicerContext) -> pb.Account:
        begun.set()
        release.wait(20)
        return pb.Account(email="done")

    running.servicer.do = do
    call = running.stub().Register.future(pb.RegisterRequest(), timeout=20)
    assert begun.wait(10)
    stopping = threading.Thread(target=running.server.stop, args=(0, 10))
    stopping.start()
    release.set()
    assert call.result().email == "done"
    stopping.join(10)
    assert not stopping.is_alive()


def test_calls_that_queue_leave_the_threads_of_others_alone(running: Running) -> None:
    release, begun = threading.Event(), threading.Semaphore(0)

    def do(request: object, _context: grpc.ServicerContext) -> pb.Account:
        if isinstance(request, pb.LoginRequest):
            begun.release()
            release.wait(20)
        return pb.Account()

    running.servicer.do = do
    queue = [running.stub().Login.future(pb.LoginRequest(), timeout=20) for _ in range(6)]
    for _ in queue:
        assert begun.acquire(timeout=10)
    running.stub().Register(pb.RegisterRequest(), timeout=10)
    release.set()
    for call in queue:
        call.result()


def test_a_crowd_of_calls_leaves_no_threads_behind(running: Running) -> None:
    begun, release = threading.Semaphore(0), threading.Event()

    def do(_request: object, _context: grpc.ServicerContext) -> pb.Account:
        begun.release()
        release.wait(20)
        return pb.Account()

    # Servers of other tests may still be there.
    before = set(threading.enumerate())

    def call_threads() -> int:
        return sum(one.name.startswith("call-waiting") for one in set(threading.enumerate()) - before)

    running.servicer.do = do
    crowd = [running.stub().Login.future(pb.LoginRequest(), timeout=20) for _ in range(6)]
    for _ in crowd:
        assert begun.acquire(timeout=10)
    assert call_threads() >= 6
    release.set()
    for call in crowd:
        call.result()
    wait_until(lambda: call_threads() == 0, seconds=20)


def test_a_look_at_the_readiness_that_fails_means_not_ready_and_is_repeated(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = running.server.operations_port
    wait_until(lambda: is_serving(running, port))
    looks: list[int] = []

    def fail() -> bool:
        looks.append(1)
        raise ZeroDivisionError

    monkeypatch.setattr(running.server, "_ready", fail)
    wait_until(lambda: not is_serving(running, port))
    wait_until(lambda: len(looks) > 2)
    monkeypatch.undo()
    wait_until(lambda: is_serving(running, port))


def test_the_metrics_say_when_each_background_loop_last_succeeded(running: Running) -> None:
    wait_until(lambda: is_serving(running, running.server.port))
    assert b'background_loop_last_success_timestamp_seconds{loop="readiness"} 1' in metrics(running)
