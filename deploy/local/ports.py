"""TCP ports on loopback: taken before anything starts, and kept for the stack until it stops."""

import socket
from collections.abc import Iterable
from typing import Self

from deploy.local.errors import LocalStackError

LOOPBACK = "127.0.0.1"


class ReservedPort:
    """A port that stays bound but does not listen.

    While it is held the system gives the port to nobody who asks for any port or connects from one. A
    server that sets SO_REUSEADDR, as servers do, can listen on it, and again after a restart (Linux's rule
    for that option).
    """

    def __init__(self, holder: socket.socket) -> None:
        self._holder = holder
        self.number: int = holder.getsockname()[1]

    @classmethod
    def reserve(cls, number: int = 0) -> Self:
        """Takes port `number`, or one of the system's choice for 0.

        Raises OSError when somebody listens on it.
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


class PortReservations:
    """The ports of one stack, by the name of the setting that each comes from."""

    def __init__(self) -> None:
        self._ports: dict[str, ReservedPort] = {}

    def reserve_all(self, wanted: Iterable[tuple[str, int]]) -> None:
        """Takes each (setting, number); 0 is a free port of the system's choice.

        Raises LocalStackError that names every port in use with its setting, and then holds none.
        """
        refused: list[str] = []
        for setting, number in wanted:
            try:
                self._ports[setting] = ReservedPort.reserve(number)
            except OSError as error:
                refused.append(f"port {number} ({setting}): {error.strerror}")
        if refused:
            self.release_all()
            raise LocalStackError("; ".join(refused))

    def __getitem__(self, setting: str) -> int:
        return self._ports[setting].number

    def release_all(self) -> None:
        for port in self._ports.values():
            port.release()
        self._ports.clear()
