"""What callers do in the simulation: each function is one call, or one login, from its beginning to its end."""

import math
from collections.abc import Callable

from bench.scaling import costs
from bench.scaling.costs import Load
from bench.scaling.loop import Steps
from bench.scaling.model import Identity, System, UnavailableError

# About a minute of trying.
TRIES = 12
FIRST_PAUSE_SECONDS = 0.5
MOST_PAUSE_SECONDS = 5.0
# People: the median time until the QR code is scanned and confirmed, and the share that never does it.
SCAN_MEDIAN_SECONDS, SCAN_SPREAD = 20.0, 0.6
NEVER_SCANNED = 0.1


def arrivals(system: System, load: Load) -> None:
    """Starts the endless arrival of calls, each kind at random with its rate."""
    kinds = {sign_in: load.sign_ins, login: load.logins, redeem: load.redemptions, read: load.reads}
    for call, rate in kinds.items():
        if rate:
            system.loop.start(_arrive(system, call, rate))


def _arrive(system: System, call: Callable[[System], Steps], rate: float) -> Steps:
    while True:
        yield system.random.expovariate(rate)
        system.loop.start(call(system))


def sign_in(system: System) -> Steps:
    """A person signs in, and tries again as the answer says."""
    since = system.loop.now
    for attempt in range(TRIES):
        try:
            identity = system.pick("identity")
            assert isinstance(identity, Identity)
            pause = costs.BUSY_RETRY_SECONDS
            if not identity.is_full:
                yield from system.databases["identity"].work(costs.STATEMENTS_CPU)
                yield from identity.turns.work(costs.HASH)
                yield from identity.work(costs.SIGN_IN_CPU)
                yield 4 * costs.COMMIT
                system.saw("sign-in", since)
                return
            system.saw("sign-in refused", since)
        except UnavailableError:
            pause = _pause(attempt)
            system.saw("sign-in unavailable", since)
        yield pause * system.random.uniform(1, 1.5)
    system.saw("sign-in given up", since)


def redeem(system: System) -> Steps:
    """A person redeems a code: in Activation, then in Identity with a change in the feed."""
    since = system.loop.now
    for attempt in range(TRIES):
        try:
            yield from system.pick("activation").work(costs.REDEEM_CPU / 2)
            yield from system.databases["activation"].work(costs.STATEMENTS_CPU)
            yield costs.COMMIT
            yield from system.pick("identity").work(costs.REDEEM_CPU / 2)
            yield from system.databases["identity"].work(costs.STATEMENTS_CPU)
            yield from system.feed_row.work(costs.COMMIT)
            yield costs.COMMIT
        except UnavailableError:
            system.saw("redemption unavailable", since)
        else:
            system.saw("redemption", since)
            return
        yield _pause(attempt) * system.random.uniform(1, 1.5)
    system.saw("redemption given up", since)


def read(system: System) -> Steps:
    """A call that changes nothing. The gateway repeats it once at another replica."""
    since = system.loop.now
    for _ in range(2):
        try:
            replica = system.pick("wechat_cookie")
            if not replica.knows(system.random.randrange(costs.ACTIVE_ACCOUNTS)):
                yield from system.pick("identity").work(costs.AUTHENTICATE_CPU)
            yield from replica.work(costs.READ_CPU)
            yield from system.databases["wechat_cookie"].work(costs.READ_CPU / 4)
        except UnavailableError:
            continue
        system.saw("read", since)
        return
    system.saw("read unavailable", since)


def login(system: System) -> Steps:
    """A person logs an official account in: a QR code, polls until it is confirmed, and the cookie."""
    loop, since = system.loop, system.loop.now
    yield from _step(system, 0.4)
    system.saw("QR code", since)
    never = system.random.random() < NEVER_SCANNED
    scan = system.random.lognormvariate(math.log(SCAN_MEDIAN_SECONDS), SCAN_SPREAD)
    tapped = loop.now + (costs.ABANDONED_SECONDS if never else scan)
    system.pending += 1
    yield from polls(system, tapped)
    system.pending -= 1
    if never:
        return
    system.saw("tap to event", tapped)
    yield from _step(system, 0.6)
    system.saw("login" if loop.now - since < costs.LOGIN_SECONDS else "login timed out", since)


def polls(system: System, until: float) -> Steps:
    """Polls of one login, each claimed by whichever replica has the least work, until the first after `until`."""
    loop = system.loop
    claimed = loop.now
    while True:
        # Due logins are claimed at ticks.
        due = claimed + costs.POLL_SECONDS + system.random.uniform(0, costs.TICK_SECONDS)
        yield max(0.0, due - loop.now)
        before, claimed = claimed, loop.now
        while True:
            try:
                yield from system.databases["wechat_cookie"].work(costs.POLL_DATABASE)
                yield from system.pick("wechat_cookie").work(costs.POLL_CPU)
                break
            except UnavailableError:
                yield costs.LANE_RETRY_SECONDS
        system.seen["gap"].append((before, loop.now - before - costs.POLL_CPU))
        yield system.wechat_seconds
        if loop.now >= until:
            return


def reconnect(system: System) -> Steps:
    """A client whose stream has ended opens it at another replica."""
    since = system.loop.now
    for attempt in range(100):
        yield min(MOST_PAUSE_SECONDS, 0.2 * 2.0**attempt) * system.random.uniform(0.5, 1)
        try:
            yield from system.pick("wechat_cookie").work(costs.STREAM_OPENING_CPU)
        except UnavailableError:
            continue
        system.saw("stream", since)
        return


def _step(system: System, share: float) -> Steps:
    """A part of the login's other work. Of a replica that dies in it, the lease must expire first."""
    while True:
        try:
            replica = system.pick("wechat_cookie")
            yield from replica.work(share * costs.LOGIN_CPU)
            yield 3 * system.wechat_seconds
            yield from system.databases["wechat_cookie"].work(share * costs.LOGIN_DATABASE)
            yield costs.COMMIT
            if replica.is_up:
                return
            yield costs.FINISH_LEASE_SECONDS
        except UnavailableError:
            yield costs.LANE_RETRY_SECONDS


def _pause(attempt: int) -> float:
    return min(MOST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0**attempt)
