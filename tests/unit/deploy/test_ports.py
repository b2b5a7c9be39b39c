"""Ports are taken before anything starts and stay the stack's own."""

import socket
import struct
import threading

import pytest

from deploy.local.errors import LocalStackError
from deploy.local.ports import LOOPBACK, PortReservations, ReservedPort


def listen(port: int) -> socket.socket:
    # Servers set SO_REUSEADDR: gRPC, Envoy and Python's own do.
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((LOOPBACK, port))
        server.listen()
    except OSError:
        server.close()
        raise
    return server


def test_every_port_in_use_is_named_with_its_setting_and_none_is_kept() -> None:
    free = ReservedPort.reserve()
    free.release()
    ports = PortReservations()
    with listen(0) as one, listen(0) as other:
        wanted = [
            ("GATEWAY_PORT", one.getsockname()[1]),
            ("IDENTITY_PORT", free.number),
            ("ACTIVATION_PORT", other.getsockname()[1]),
        ]
        with pytest.raises(LocalStackError) as failure:
            ports.reserve_all(wanted)
    for setting, number in (wanted[0], wanted[2]):
        assert f"port {number} ({setting})" in str(failure.value)
    assert "IDENTITY_PORT" not in str(failure.value)
    with pytest.raises(KeyError):
        ports["IDENTITY_PORT"]


def test_a_server_can_listen_on_a_reserved_port_again_and_again() -> None:
    port = ReservedPort.reserve()
    try:
        for _ in range(2):
            with listen(port.number), socket.create_connection((LOOPBACK, port.number)):
                pass
    finally:
        port.release()


def test_the_system_gives_a_reserved_port_to_nobody_else() -> None:
    ports = PortReservations()
    ports.reserve_all((str(number), 0) for number in range(200))
    try:
        ours = {ports[str(number)] for number in range(200)}
        assert len(ours) == 200
        others = [listen(0) for _ in range(200)]
        given = {server.getsockname()[1] for server in others}
        for server in others:
            server.close()
        assert given.isdisjoint(ours)
    finally:
        ports.release_all()


def test_a_released_port_is_free_for_all() -> None:
    ports = PortReservations()
    ports.reserve_all([("GATEWAY_PORT", 0)])
    number = ports["GATEWAY_PORT"]
    ports.release_all()
    with socket.socket() as plain:
        plain.bind((LOOPBACK, number))


def test_a_port_that_a_closed_connection_still_holds_is_waited_for() -> None:
    with listen(0) as server:
        outgoing = socket.create_connection(server.getsockname())
        held = outgoing.getsockname()[1]
        # The side that closes first keeps the port.
        releasing = threading.Timer(0.5, outgoing.close)
        accepted, _ = server.accept()
        # With a reset the port is free as soon as the connection is closed, not a minute later.
        outgoing.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        ports = PortReservations()
        releasing.start()
        ports.reserve_all([("IDENTITY_PORT", held)])
        assert outgoing.fileno() == -1
        assert ports["IDENTITY_PORT"] == held
        ports.release_all()
        accepted.close()
