"""TCP ports on loopback, reserved before any process starts and until the stack stops."""

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
    """A port that is bound but not listening.

    While it is held, the system assigns the port neither to a listening socket nor to a connection. A server that
    sets SO_REUSEADDR, as servers do, can listen on it, and again after a restart (on Linux).
    """

    def __init__(self, holder: socket.socket) -> None:
        self._holder = holder
        self.number: int = holder.getsockname()[1]

    @classmethod
    def reserve(cls, number: int = 0) -> Self:
        """Reserves port `number`, or a free port chosen by the system for 0.

        Raises OSError if a process listens on it.
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
    """The ports of one stack, by the names of their settings."""

    def __init__(self) -> None:
        self._ports: dict[str, ReservedPort] = {}

    def reserve_all(self, wanted: Iterable[tuple[str, int]]) -> None:
        """Reserves a port for each (setting, number); 0 is a free port chosen by the system.

        Raises LocalStackError with the number and setting of every port in use; no port is reserved then.
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
        """Waits for and reserves ports on which no process listens, but which a closed connection still holds.

        The usual ports of gRPC are in the system's ephemeral range, and a closed connection keeps its port for a
        minute (TIME-WAIT).
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
