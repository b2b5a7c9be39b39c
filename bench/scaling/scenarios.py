"""The runs of the simulation, each with what docs/scaling.md shows of it. Every run gives the same."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from bench.scaling import callers, costs
from bench.scaling.costs import AVERAGE, PEAK, Load, Replicas
from bench.scaling.loop import Steps
from bench.scaling.model import Server, System

ENOUGH = Replicas(identity=7, activation=2, wechat_cookie=3)
WARM_SECONDS = 60.0
PENDING_SECONDS = 30.0
# The emulated WeChat, with which the figures of docs/performance.md were measured, answers on the same machine.
EMULATOR_SECONDS = 0.003
FAILOVER_SECONDS = 30.0
OUTAGE_SECONDS = 60.0
WATCHED_SECONDS, LONG_WATCHED_SECONDS = 180.0, 600.0
# What does not wait for people.
QUICK = ("sign-in", "redemption", "read", "QR code", "tap to event", "gap", "stream")


def p99(values: list[float]) -> float:
    """Returns the 99th percentile; 0 of none."""
    return sorted(values)[int(0.99 * len(values))] if values else 0.0


def seconds_of(system: System, kind: str, since: float = WARM_SECONDS) -> list[float]:
    """Returns how long each call of the kind took that began after `since`."""
    return [seconds for start, seconds in system.seen[kind] if start >= since]


@dataclass(frozen=True)
class Pending:
    """Pending logins on one replica."""

    logins: int
    cores: float
    gap_p99: float
    tap_p99: float


def pending(logins: int, wechat_seconds: float = EMULATOR_SECONDS) -> Pending:
    """Polls the logins on one replica, with a tap on the phone of every tenth."""
    system = System(Replicas(1, 1, 1), wechat_seconds=wechat_seconds)
    for number in range(logins):
        system.loop.start(_pending_login(system, taps=number % 10 == 0))
    system.loop.run(PENDING_SECONDS)
    (replica,) = system.wechat_cookie
    taps = [seconds for _, seconds in system.seen["tap to event"]]
    gaps = seconds_of(system, "gap", since=5)
    return Pending(logins, replica.busy / PENDING_SECONDS, p99(gaps), p99(taps))


def _pending_login(system: System, *, taps: bool) -> Steps:
    yield system.random.uniform(0, costs.POLL_SECONDS)
    tapped = system.random.uniform(5, PENDING_SECONDS - 5) if taps else float("inf")
    yield from callers.polls(system, tapped)
    system.saw("tap to event", tapped)
    # The scanned login is polled until the person confirms.
    yield from callers.polls(system, float("inf"))


def sign_ins_a_second(replicas: int, cores: int, in_flight: int) -> float:
    """Returns the sign-ins a second of callers that sign in one after the other."""
    system = System(Replicas(replicas, 1, 1, identity_cores=cores))
    for _ in range(in_flight):
        system.loop.start(_repeat(system, callers.sign_in))
    system.loop.run(WARM_SECONDS)
    return len(system.seen["sign-in"]) / WARM_SECONDS


def redemptions_a_second(in_flight: int) -> float:
    """Returns the redemptions a second, with both services on one core, as they were measured."""
    system = System(Replicas(1, 1, 1, identity_cores=1))
    system.activation = list(system.identity)
    for _ in range(in_flight):
        system.loop.start(_repeat(system, callers.redeem))
    system.loop.run(WARM_SECONDS)
    return len(system.seen["redemption"]) / WARM_SECONDS


def _repeat(system: System, call: Callable[[System], Steps]) -> Steps:
    while True:
        yield from call(system)


def steady(load: Load, replicas: Replicas, seconds: float = WARM_SECONDS) -> System:
    """Runs the load for WARM_SECONDS and then for `seconds`."""
    system = System(replicas)
    callers.arrivals(system, load)
    system.loop.run(WARM_SECONDS + seconds)
    return system


def queues(system: System) -> Mapping[str, tuple[float, float]]:
    """Returns by station the share of its time that it was busy, and the 99th percentile of waiting for it."""
    turns: list[Server] = [one.turns for one in system.identity]
    stations = {
        "hashes": (turns, len(turns) * system.identity_cores),
        "WeChatCookie": (system.wechat_cookie, len(system.wechat_cookie)),
        "Activation": (system.activation, len(system.activation)),
        "row of the feed": ([system.feed_row], 1),
        **{f"PostgreSQL of {name}": ([one], costs.DATABASE_CORES) for name, one in system.databases.items()},
    }
    now = system.loop.now
    return {
        name: (sum(one.busy for one in servers) / now / cores, p99([w for one in servers for w in one.waits]))
        for name, (servers, cores) in stations.items()
    }


@dataclass(frozen=True)
class Event:
    """What callers saw of an event: counts of calls and logins, and seconds."""

    name: str
    unavailable: int
    refused: int
    given_up: int
    longest_tap: float
    longest_gap: float
    timed_out: int
    normal_after: float


def event(
    name: str, load: Load, happen: Callable[[System], Steps], watched: float = WATCHED_SECONDS
) -> Event:
    """Lets something happen after WARM_SECONDS of the load, and watches it for `watched` seconds."""
    system = System(ENOUGH)
    callers.arrivals(system, load)
    system.loop.run(WARM_SECONDS)
    usual = {kind: max(seconds_of(system, kind, since=0), default=0.0) for kind in QUICK}
    system.loop.start(happen(system))
    system.loop.run(WARM_SECONDS + watched)
    after = {kind: [one for one in seen if sum(one) >= WARM_SECONDS] for kind, seen in system.seen.items()}
    failures = [kind for kind in after if kind.endswith(("unavailable", "refused", "given up", "timed out"))]
    late = [sum(one) for kind in failures for one in after[kind]]
    late += [sum(one) for kind in QUICK for one in after.get(kind, []) if one[1] > usual[kind] + 1]

    def count(ending: str) -> int:
        return sum(len(after[kind]) for kind in failures if kind.endswith(ending))

    return Event(
        name,
        count("unavailable"),
        count("refused"),
        count("given up"),
        max((seconds for _, seconds in after["tap to event"]), default=0.0),
        max((seconds for _, seconds in after["gap"]), default=0.0),
        count("timed out"),
        max(late, default=WARM_SECONDS) - WARM_SECONDS,
    )


def events() -> list[Event]:
    """Returns the events of docs/scaling.md, in the busiest hour."""
    services = {"identity": "Identity", "activation": "Activation", "wechat_cookie": "WeChatCookie"}
    lost = [
        event(f"a replica of {title} lost", PEAK, partial(lose, name=name))
        for name, title in services.items()
    ]
    failovers = [
        event(f"failover of {title}'s PostgreSQL", PEAK, partial(failover, name=name))
        for name, title in services.items()
    ]
    cold = [event("cold start of all, average hour", AVERAGE, cold_start)]
    return [
        *lost,
        *failovers,
        *cold,
        event("cold start of all, busiest hour", PEAK, cold_start, LONG_WATCHED_SECONDS),
    ]


def lose(system: System, name: str) -> Steps:
    """Kills one replica, which is started again."""
    (replica, *_) = system.servers(name)
    replica.set_up(False)
    if name == "wechat_cookie":
        for _ in range(system.pending // len(system.wechat_cookie)):
            system.loop.start(callers.reconnect(system))
    yield costs.RESTART_SECONDS
    replica.set_up(True)


def failover(system: System, name: str) -> Steps:
    """Ends a database, which another server continues."""
    system.databases[name].set_up(False)
    yield FAILOVER_SECONDS
    system.databases[name].set_up(True)


def cold_start(system: System) -> Steps:
    """Stops everything for a minute and starts it; callers have kept trying, and the caches are empty."""
    for server in (*system.all_servers(), *system.databases.values()):
        server.set_up(False)
    for _ in range(system.pending):
        system.loop.start(callers.reconnect(system))
    yield OUTAGE_SECONDS
    for server in (*system.all_servers(), *system.databases.values()):
        server.set_up(True)
