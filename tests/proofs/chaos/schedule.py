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
# The last ones, so that their ends fall into the load, too.
QUIET_END_SECONDS = 4.0


class Kind(StrEnum):
    """What is done. All but UPSTREAM are done to one process."""

    KILL = "SIGKILL"
    STOP = "SIGTERM"
    FREEZE = "SIGSTOP"
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


def schedule(seed: int, seconds: float) -> list[Disturbance]:
    """The disturbances of a run of `seconds`, in order; the same for the same seed and length."""
    chance = random.Random(seed)
    drawn: list[Disturbance] = []
    at = chance.uniform(*BETWEEN_SECONDS)
    while at < seconds - QUIET_END_SECONDS:
        drawn += _draw(chance, at)
        at += chance.uniform(*BETWEEN_SECONDS)
    return drawn


def _draw(chance: random.Random, at: float) -> list[Disturbance]:
    lasting = chance.uniform(*LASTING_SECONDS)
    what = chance.choices(
        ("service", "all of identity", "gateway", "postgres", "upstream"), (47, 15, 10, 8, 20)
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
