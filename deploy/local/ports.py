"""TCP ports on loopback: taken before anything starts, and kept for the stack until it stops."""

import errno
import socket
import time
from collections.abc import Iterable
from typing import Self

from deploy.local.errors import LocalStackError

LOOPBACK = "127.0.0.1"
CLOSED_CONNECTION_SECONDS = 65.0
RETRY_SECONDS = 0.2
PROBE_TIMEOUT_SECONDS = 1.0


class ReservedPort:
    """A port that stays bound but does not listen.

    While it is held, the system chooses the port neither for a listening socket nor for a connection. A
    server that sets SO_REUSEADDR, as servers do, can listen on it, and again after a restart (Linux's rule
    for that option).
    """

    def __init__(self, holder: socket.socket) -> None:
        self._holder = holder
        self.number: int = holder.getsockname()[1]

    @classmethod
    def reserve(cls, number: int = 0) -> Self:
        """Takes port `number`, or one of the system's choice for 0.

        Raises OSError when a process listens on it.
        """
        holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind((LOOPBACK, number))
        except OSError:
            holder.close()
            raise
        return cls(holder)

    def release(self) -> None:
        self._holder.close()


def _is_listened_on(number: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_TIMEOUT_SECONDS)
        return probe.connect_ex((LOOPBACK, number)) == 0


def _in_use(ports: dict[str, int]) -> str:
    return "; ".join(f"port {number} ({setting}) is in use" for setting, number in ports.items())


class PortReservations:
    """The ports of one stack, by the name of the setting that each comes from."""

    def __init__(self) -> None:
        self._ports: dict[str, ReservedPort] = {}

    def reserve_all(self, wanted: Iterable[tuple[str, int]]) -> None:
        """Takes each (setting, number); 0 is a free port of the system's choice.

        Raises LocalStackError that names every port in use with its setting, and then holds none.
        """
        try:
            refused = {setting: number for setting, number in wanted if not self._reserve(setting, number)}
            self._reserve_closing(refused)
        except BaseException:
            self.release_all()
            raise

    def _reserve(self, setting: str, number: int) -> bool:
        try:
            self._ports[setting] = ReservedPort.reserve(number)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise LocalStackError(f"bad setting {setting}: port {number}: {error.strerror}") from error
            return False
        return True

    def _reserve_closing(self, closing: dict[str, int]) -> None:
        """Takes ports that no process listens on, but that an earlier connection from this machine still holds.

        The system's own choice of ports for connections covers the usual ports of gRPC, and a closed connection
        keeps its port for a minute (TIME-WAIT).
        """
        served = {setting: number for setting, number in closing.items() if _is_listened_on(number)}
        if served:
            raise LocalStackError(_in_use(served))
        if closing:
            ports = ", ".join(f"{number} ({setting})" for setting, number in closing.items())
            print(f"waiting up to a minute: a closed connection still holds port {ports}", flush=True)
        deadline = time.monotonic() + CLOSED_CONNECTION_SECONDS
        while closing := {
            name: number for name, number in closing.items() if not self._reserve(name, number)
        }:
            if time.monotonic() > deadline:
                raise LocalStackError(_in_use(closing))
            time.sleep(RETRY_SECONDS)

    def __getitem__(self, setting: str) -> int:
        return self._ports[setting].number

    def release_all(self) -> None:
        for port in self._ports.values():
            port.release()
        self._ports.clear()
