"""Password hashing, shared fairly between the networks of callers.

A hash keeps a core busy for a fifth of a second, so there are only as many concurrent hashes as cores. Each network
has a queue of callers, and the networks take turns: a caller waits for one turn of each other network, however many
callers that network has. A semaphore would serve callers in the order of arrival, so a network with many callers
would get all the turns.
"""

import contextlib
import datetime
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import structlog
from prometheus_client import CollectorRegistry

from services.chassis.errors import ThrottledError
from services.chassis.language import Localized
from services.identity.passwords import hashes
from services.identity.passwords.hashes import (
    CHECKSUM_BYTES,
    SALT_BYTES,
    UnusableHashError,
    canonical,
    needs_upgrade,
    unmatchable_hash,
)
from services.identity.passwords.metrics import HashingMetrics
from services.identity.passwords.workers import HashingProcesses

_log = structlog.get_logger(__name__)


class HashingBusyError(ThrottledError):
    """Too many callers are waiting for a hash, in total or of the same network, or the wait timed out."""

    reason = "HASHING_BUSY"
    message = Localized("系统繁忙，请稍后再试", "The system is busy; try again later")


@dataclass(eq=False)
class _Waiter:
    """A caller in a queue. It is woken with a turn, or without one when hashing is closed."""

    woken: threading.Event = field(default_factory=threading.Event)
    has_turn: bool = False


class HashingTurns:
    """Concurrency control for hashing: `concurrency` turns, for which networks queue.

    At most `queue` callers wait in total, and `queue_per_network` of one network. Thread-safe. Callers wait on
    their own threads.
    """

    def __init__(
        self,
        concurrency: int,
        queue: int,
        queue_per_network: int,
        timeout: Callable[[], float],
        registry: CollectorRegistry | None = None,
    ) -> None:
        """`timeout` returns the seconds that the current call can still wait. Metrics are added to `registry`."""
        self._lock = threading.Lock()
        self._free = concurrency
        self._queue = queue
        self._queue_per_network = queue_per_network
        self._timeout = timeout
        self._is_closed = False
        # The network whose turn is next is the first. None of these queues is empty.
        self._waiting: OrderedDict[str, deque[_Waiter]] = OrderedDict()
        self._metrics = HashingMetrics(registry, concurrency, queue, self._count_waiting)

    @contextlib.contextmanager
    def turn(self, network: str) -> Iterator[None]:
        """Runs the block during a turn of `network`, a result of network_of().

        Raises HashingBusyError immediately if the network's queue is full, when the call's time is up, and when all
        queues together are full: then the newest caller of the network with the most callers is refused.
        """
        with self._metrics.waiting():
            self._take(network)
        try:
            with self._metrics.hashing():
                yield
        finally:
            self._pass_on()

    def close(self) -> None:
        """Refuses all waiting and later callers. Idempotent."""
        with self._lock:
            self._is_closed = True
            for queue in self._waiting.values():
                for waiter in queue:
                    waiter.woken.set()
            self._waiting.clear()

    def waiting(self, network: str) -> int:
        """Returns the number of waiting callers of `network`."""
        with self._lock:
            return len(self._waiting.get(network, ()))

    def _count_waiting(self) -> int:
        with self._lock:
            return sum(len(queue) for queue in self._waiting.values())

    def _take(self, network: str) -> None:
        with self._lock:
            if self._is_closed:
                raise HashingBusyError
            if self._free:
                self._free -= 1
                return
            if not self._has_room(network):
                raise HashingBusyError(retry_after=datetime.timedelta(seconds=2))
            waiter = _Waiter()
            self._waiting.setdefault(network, deque()).append(waiter)
        waiter.woken.wait(self._timeout())
        with self._lock:
            if waiter.has_turn:
                return
            self._leave(network, waiter)
        raise HashingBusyError(retry_after=datetime.timedelta(seconds=5))

    def _has_room(self, network: str) -> bool:
        """Whether one more caller of `network` may wait; may send a caller of another network away for it."""
        own = len(self._waiting.get(network, ()))
        if own >= self._queue_per_network:
            return False
        if sum(len(queue) for queue in self._waiting.values()) < self._queue:
            return True
        # Otherwise a dozen networks could fill the queue and keep all others out.
        longest = max(self._waiting.values(), key=len)
        if len(longest) <= own + 1:
            return False
        longest.pop().woken.set()
        return True

    def _leave(self, network: str, waiter: _Waiter) -> None:
        queue = self._waiting.get(network)
        if queue is None:
            return
        with contextlib.suppress(ValueError):
            queue.remove(waiter)
        if not queue:
            del self._waiting[network]

    def _pass_on(self) -> None:
        with self._lock:
            if not self._waiting:
                self._free += 1
                return
            network, queue = self._waiting.popitem(last=False)
            waiter = queue.popleft()
            waiter.has_turn = True
            waiter.woken.set()
            if queue:
                self._waiting[network] = queue


@dataclass(frozen=True)
class Comparison:
    """The result of a comparison: whether the password is right, and whether its hash should be replaced."""

    is_right: bool
    is_outdated: bool = False


class PasswordHasher:
    """Computes and compares password hashes. Only available from PasswordHashing.turn(). Thread-safe."""

    def __init__(self, processes: HashingProcesses, random_bytes: Callable[[int], bytes]) -> None:
        self._processes = processes
        self._random_bytes = random_bytes
        self._unmatchable = unmatchable_hash(random_bytes(SALT_BYTES + CHECKSUM_BYTES))

    def hash(self, password: str) -> str:
        """Returns a new hash of the canonical form of `password`."""
        return self._processes.hash(canonical(password), self._random_bytes(SALT_BYTES), hashes.ROUNDS)

    def compare(self, password: str, stored: str | None) -> Comparison:
        """Compares `stored` with the canonical form of `password`, then with the password as it was typed.

        Old hashes of the latter kind match, but are outdated. Without a stored hash, or with an unusable one, the
        password is wrong, after the same amount of work.
        """
        try:
            return self._compare(password, stored)
        except UnusableHashError as error:
            _log.warning("password_hash_refused", why=str(error))
            return self._compare(password, None)

    def _compare(self, password: str, stored: str | None) -> Comparison:
        for form in dict.fromkeys((canonical(password), password)):
            is_match = self._processes.verify(form, stored or self._unmatchable)
            if is_match and stored is not None:
                return Comparison(True, is_outdated=needs_upgrade(stored) or form != canonical(password))
        return Comparison(False)


class PasswordHashing:
    """Provides the hasher during a turn. Thread-safe."""

    def __init__(self, turns: HashingTurns, hasher: PasswordHasher, network: Callable[[], str]) -> None:
        """`network` returns the network of the current call, a result of network_of()."""
        self._turns = turns
        self._hasher = hasher
        self._network = network

    @contextlib.contextmanager
    def turn(self) -> Iterator[PasswordHasher]:
        """Yields the hasher during a turn of the caller's network.

        Raises HashingBusyError as HashingTurns.turn().
        """
        with self._turns.turn(self._network()):
            yield self._hasher
