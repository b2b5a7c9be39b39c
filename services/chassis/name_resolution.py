"""Name resolution with a timeout, which the system's resolver lacks."""

import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

# family, type, protocol, canonical name, address: as socket.getaddrinfo returns them.
AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]
Lookup = Future[Sequence[AddressInfo]]
_SECONDS = 10.0


def _system(host: str, port: int) -> Sequence[AddressInfo]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class Resolver:
    """Looks names up on at most `most_threads` threads. Concurrent callers share the lookup of a name."""

    def __init__(
        self, most_threads: int = 32, lookup: Callable[[str, int], Sequence[AddressInfo]] = _system
    ) -> None:
        self._lock = threading.Lock()
        self._running: dict[tuple[str, int], Lookup] = {}
        self._most_threads = most_threads
        self._look_up = lookup

    def addresses(self, host: str, port: int, timeout: float = _SECONDS) -> Sequence[AddressInfo]:
        """Returns the TCP addresses of `host`.

        Raises socket.gaierror if the name does not exist, no name server is reachable or too many lookups hang, and
        TimeoutError if there is no answer within `timeout` seconds; the lookup continues for the next caller.
        """
        return self._lookup(host, port).result(max(0.0, timeout))

    def _lookup(self, host: str, port: int) -> Lookup:
        with self._lock:
            lookup = self._running.get((host, port))
            if lookup is not None:
                return lookup
            if len(self._running) >= self._most_threads:
                raise socket.gaierror(socket.EAI_AGAIN, "too many lookups are waiting")
            lookup = self._running[host, port] = Future()
        # A daemon, so that a hanging lookup does not delay the end of the process.
        threading.Thread(target=self._run, args=(host, port, lookup), name="resolver", daemon=True).start()
        return lookup

    def _run(self, host: str, port: int, lookup: Lookup) -> None:
        try:
            lookup.set_result(self._look_up(host, port))
        except (OSError, UnicodeError) as error:
            # A name that IDNA cannot encode does not exist.
            failed = error if isinstance(error, OSError) else socket.gaierror(socket.EAI_NONAME, "not a name")
            lookup.set_exception(failed)
        finally:
            with self._lock:
                del self._running[host, port]
