"""Replicas, databases and callers of the simulation. Times are simulated seconds."""

import random
from collections import defaultdict

from bench.scaling.costs import DATABASE_CORES, HASHING_QUEUE, WECHAT, Replicas
from bench.scaling.loop import Loop, Steps, Turns


class UnavailableError(Exception):
    """The replica or the database is down, or went down during the work."""


class Server:
    """Something with cores, for which work queues: a replica, or a database. `is_up` may change at any time."""

    def __init__(self, loop: Loop, cores: int) -> None:
        self._loop = loop
        self.cores = cores
        self._turns = Turns(loop, cores)
        self._outages = 0
        self.is_up = True
        self.busy = 0.0
        self.waits: list[float] = []
        # The accounts whose principals it has cached since its start; None for all.
        self.known: set[int] | None = None

    @property
    def load(self) -> int:
        """The work that is done or waits."""
        return self.cores - self._turns.free + len(self._turns.waiting)

    def set_up(self, is_up: bool) -> None:
        """Starts the server, or ends it with all work in progress."""
        self._outages += not is_up
        self.is_up = is_up
        self.known = set()

    def knows(self, account: int) -> bool:
        """Returns whether the account's principal is cached, which it is from now on."""
        if self.known is None or account in self.known:
            return True
        self.known.add(account)
        return False

    def work(self, seconds: float) -> Steps:
        """Waits for a core and uses it. Raises UnavailableError if the server is or goes down."""
        if not self.is_up:
            raise UnavailableError
        outages, asked = self._outages, self._loop.now
        yield self._turns
        if outages == self._outages:
            self.waits.append(self._loop.now - asked)
            self.busy += seconds
            yield seconds
        self._turns.release()
        if outages != self._outages:
            raise UnavailableError


class Identity(Server):
    """A replica of Identity. Hashes have turns of their own, because other work is not kept from a core by them."""

    def __init__(self, loop: Loop, cores: int) -> None:
        super().__init__(loop, cores)
        self.turns = Server(loop, cores)

    @property
    def load(self) -> int:
        """The work of both kinds."""
        return super().load + self.turns.load

    @property
    def is_full(self) -> bool:
        """Whether another sign-in is refused."""
        return self.turns.load - self.cores >= HASHING_QUEUE

    def set_up(self, is_up: bool) -> None:
        """Starts or ends both."""
        super().set_up(is_up)
        self.turns.set_up(is_up)


class System:
    """All replicas and databases of a run. `seen` is what callers saw by kind: (time of the first try, seconds)."""

    def __init__(self, replicas: Replicas, *, wechat_seconds: float = WECHAT, seed: int = 1) -> None:
        self.wechat_seconds = wechat_seconds
        self.identity_cores = replicas.identity_cores
        self.loop = Loop()
        self.random = random.Random(seed)
        self.identity = [Identity(self.loop, replicas.identity_cores) for _ in range(replicas.identity)]
        self.activation = [Server(self.loop, 1) for _ in range(replicas.activation)]
        self.wechat_cookie = [Server(self.loop, 1) for _ in range(replicas.wechat_cookie)]
        services = ("identity", "activation", "wechat_cookie")
        self.databases = {name: Server(self.loop, DATABASE_CORES) for name in services}
        # The row that numbers the account feed, which each change holds until its commit.
        self.feed_row = Server(self.loop, 1)
        self.seen: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self.pending = 0

    def saw(self, kind: str, since: float) -> None:
        """Records something of the kind that began at `since` and ends now."""
        self.seen[kind].append((since, self.loop.now - since))

    def all_servers(self) -> list[Server]:
        """Returns every replica; the databases are not among them."""
        return [*self.identity, *self.activation, *self.wechat_cookie]

    def servers(self, name: str) -> list[Server]:
        """Returns the replicas of the service."""
        named: dict[str, list[Server]] = {"activation": self.activation, "wechat_cookie": self.wechat_cookie}
        return [*self.identity] if name == "identity" else named[name]

    def pick(self, name: str) -> Server:
        """Returns the running replica with the least work. Raises UnavailableError if none is running."""
        running = [one for one in self.servers(name) if one.is_up]
        if not running:
            raise UnavailableError
        return min(running, key=lambda one: one.load)
