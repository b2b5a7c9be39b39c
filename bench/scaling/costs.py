"""What the simulation is given: measured costs in seconds of a core, the product's constants, and the load."""

from dataclasses import dataclass

# Measured by `python -m bench.costs` and `make bench` (docs/scaling.md, docs/performance.md).
POLL_SECOND_CPU = 0.36e-3
POLL_SECOND_DATABASE = 0.06e-3
LOGIN_CPU = 41e-3
LOGIN_DATABASE = 11e-3
LOGIN_IDENTITY = 0.8e-3
HASH = 0.2
SIGN_IN_CPU = 2.5e-3
REDEEM_CPU = 10e-3
STREAM_OPENING_CPU = 3.3e-3
READ_CPU = 0.4e-3
AUTHENTICATE_CPU = 0.7e-3
RESTART_SECONDS = 3.3

# Assumed: a commit on a disk, the statements of a sign-in or a redemption, an answer of WeChat, PostgreSQL's cores.
COMMIT = 2e-3
STATEMENTS_CPU = 3e-3
WECHAT = 0.05
DATABASE_CORES = 4

# The product's own.
POLL_SECONDS = 1.75
TICK_SECONDS = 0.05
LANE_RETRY_SECONDS = 1.0
FINISH_LEASE_SECONDS = 25.0
HASHING_QUEUE = 192
BUSY_RETRY_SECONDS = 2.0
LOGIN_SECONDS = 900.0
ABANDONED_SECONDS = 120.0
POLL_CPU = POLL_SECOND_CPU * (POLL_SECONDS + TICK_SECONDS / 2)
POLL_DATABASE = POLL_SECOND_DATABASE * (POLL_SECONDS + TICK_SECONDS / 2)

DAY, HOUR = 86_400, 3_600
ACCOUNTS = 1_000_000
# Those that call within an hour: what caches of principals hold.
ACTIVE_ACCOUNTS = 100_000
LOGINS_A_DAY = 100_000


@dataclass(frozen=True)
class Load:
    """Calls a second. `reads` are calls that change nothing, such as lists of cookies."""

    logins: float
    sign_ins: float
    redemptions: float
    reads: float

    def times(self, factor: float) -> "Load":
        """Returns the load multiplied."""
        return Load(*(factor * rate for rate in (self.logins, self.sign_ins, self.redemptions, self.reads)))


# A sign-in and two reads a day for each account, and a redemption a month. In the busiest hour a tenth of the day's
# logins begin, and all other calls are five times as many as on average.
AVERAGE = Load(LOGINS_A_DAY / DAY, ACCOUNTS / DAY, ACCOUNTS / (30 * DAY), 2 * ACCOUNTS / DAY)
PEAK = Load(0.1 * LOGINS_A_DAY / HOUR, 5 * AVERAGE.sign_ins, 5 * AVERAGE.redemptions, 5 * AVERAGE.reads)


@dataclass(frozen=True)
class Replicas:
    """The number of replicas. Each has one core, Identity's have `identity_cores`."""

    identity: int
    activation: int
    wechat_cookie: int
    identity_cores: int = 2
