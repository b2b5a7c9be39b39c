"""When what is done to which part: drawn from a seed, so that a run can be repeated."""

import random
from dataclasses import dataclass
from enum import StrEnum

IDENTITY_PROCESSES = ("identity", "identity-2")
SERVICE_PROCESSES = (
    *IDENTITY_PROCESSES,
    "activation",
    "activation-2",
    "wechat_cookie",
    "wechat_cookie-2",
)
REPLICAS = {"identity": 2, "activation": 2, "wechat_cookie": 2}
UPSTREAM_FAULTS = ("drop", "reset", "delay", "status", "html", "truncated")
BETWEEN_SECONDS = (1.0, 5.0)
LASTING_SECONDS = (0.3, 3.0)
# Of a database that fails over: from one fault of its primary to the next, and how long one lasts.
BETWEEN_FAILOVERS_SECONDS = (60.0, 120.0)
FAILOVER_SECONDS = (5.0, 40.0)
PRIMARY = "primary"
# The last ones, so that their ends fall into the load, too.
QUIET_END_SECONDS = 4.0


class Kind(StrEnum):
    """What is done. All but UPSTREAM are done to one process, or to the host of PRIMARY; CUT only to that."""

    KILL = "SIGKILL"
    STOP = "SIGTERM"
    FREEZE = "SIGSTOP"
    CUT = "network cut of"
    UPSTREAM = "WeChat answers with"


@dataclass(frozen=True)
class Disturbance:
    """`at` seconds after the start, `target` suffers for `seconds`, then it is made good again.

    `target` is a process, or for UPSTREAM the kind of fault that every call of WeChat gets.
    """

    at: float
    kind: Kind
    target: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.at:6.1f} s  {self.kind} {self.target}, for {self.seconds:.1f} s"


def schedule(seed: int, seconds: float, *, fails_over: bool = False) -> list[Disturbance]:
    """The disturbances of a run of `seconds`, in order; the same for the same seed and length.

    With a database that fails over, its primary is disturbed instead of the process of PostgreSQL.
    """
    chance = random.Random(seed)
    drawn: list[Disturbance] = []
    at = chance.uniform(*BETWEEN_SECONDS)
    while at < seconds - QUIET_END_SECONDS:
        drawn += _draw(chance, at, 0 if fails_over else 8)
        at += chance.uniform(*BETWEEN_SECONDS)
    if fails_over:
        drawn += _failovers(chance, seconds)
    return sorted(drawn, key=lambda one: one.at)


def _failovers(chance: random.Random, seconds: float) -> list[Disturbance]:
    drawn: list[Disturbance] = []
    at = chance.uniform(*LASTING_SECONDS)
    while at < seconds - QUIET_END_SECONDS:
        kind = chance.choice((Kind.KILL, Kind.FREEZE, Kind.CUT))
        drawn.append(Disturbance(at, kind, PRIMARY, chance.uniform(*FAILOVER_SECONDS)))
        at += chance.uniform(*BETWEEN_FAILOVERS_SECONDS)
    return drawn


def _draw(chance: random.Random, at: float, postgres: int) -> list[Disturbance]:
    lasting = chance.uniform(*LASTING_SECONDS)
    what = chance.choices(
        ("service", "all of identity", "gateway", "postgres", "upstream"), (47, 15, 10, postgres, 20)
    )[0]
    if what == "upstream":
        return [Disturbance(at, Kind.UPSTREAM, chance.choice(UPSTREAM_FAULTS), lasting)]
    kinds = (Kind.KILL, Kind.STOP, Kind.FREEZE)
    # Freezing the postmaster stops no session, and a frozen gateway is a slow one.
    weights = (70, 30, 0) if what in {"gateway", "postgres"} else (60, 20, 20)
    kind = chance.choices(kinds, weights)[0]
    if what == "all of identity":
        # Without any Identity, codes are redeemed that are applied later, after others.
        return [Disturbance(at, kind, replica, lasting) for replica in IDENTITY_PROCESSES]
    target = chance.choice(SERVICE_PROCESSES) if what == "service" else what
    return [Disturbance(at, kind, target, lasting)]
