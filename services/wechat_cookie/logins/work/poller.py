"""Polls WeChat for all logins that are due, concurrently with the pollers of other replicas."""

import datetime
import functools
import threading
from collections.abc import Callable, Collection, Sequence

from cachetools import LRUCache
from sqlalchemy import Connection

from services.chassis.postgres.database import Database, DirectConnection
from services.wechat_cookie.logins.rules.state import POLLS, LoginLimits, LoginState
from services.wechat_cookie.logins.store.claiming import claim_acts, claim_polls, next_act, next_poll
from services.wechat_cookie.logins.store.rows import LoginRows
from services.wechat_cookie.logins.work.access_keeper import Principals
from services.wechat_cookie.logins.work.exchanges import Exchanges
from services.wechat_cookie.logins.work.lane import Lane
from services.wechat_cookie.logins.work.metrics import LoginMeasures
from services.wechat_cookie.logins.work.steps import Steps

# Number of logins whose decrypted state is cached between two polls: about 10 KB each.
MOST_CACHED = 4096
TICK_SECONDS = 0.05
STOP_SECONDS = 5.0

NextDue = Callable[[DirectConnection], datetime.datetime | None]


class LoginPoller:
    """Two lanes: polls, which are frequent and change nothing, and acts: starts and retries.

    They are separate so that polls that hang do not delay the QR codes of new logins. Acts
    that follow from a poll are done by the thread that polled, without another claim.
    """

    def __init__(
        self,
        database: Database,
        rows: LoginRows,
        exchanges: Exchanges,
        limits: LoginLimits,
        now: Callable[[], datetime.datetime],
        measures: LoginMeasures,
        principals: Principals,
        *,
        poll_threads: int = 72,
        act_threads: int = 16,
    ) -> None:
        """`database` should have a pool of its own, because all threads may write at the same time."""
        self._database = database
        self._rows = rows
        self._now = now
        self._stopping = threading.Event()
        self._steps = Steps(database, rows, exchanges, limits, now, measures, self._stopping, principals)
        self._known: LRUCache[str, LoginState] = LRUCache(MOST_CACHED)
        self._lock = threading.Lock()
        self._polls = Lane(
            "polls",
            self._claim_polls,
            functools.partial(self._next, next_poll),
            lambda login: login.id,
            self._take,
            poll_threads,
            TICK_SECONDS,
            now,
        )
        self._acts = Lane(
            "acts",
            self._claim_acts,
            functools.partial(self._next, next_act),
            # Unlike a poll, an act may be claimed again, with the login's next version, while an earlier one hangs.
            lambda login: f"{login.id}:{login.version}",
            self._take,
            act_threads,
            TICK_SECONDS,
            now,
        )

    def start(self) -> None:
        """Starts the threads."""
        self._polls.start()
        self._acts.start()

    def nudge(self) -> None:
        """Wakes the poller, so that a new login is processed without delay."""
        self._acts.nudge()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ends the threads; exchanges that take longer than `seconds` are abandoned."""
        self._stopping.set()
        for lane in (self._polls, self._acts):
            lane.stop(seconds / 2)

    def _claim_polls(self, most: int, busy: Collection[str]) -> Sequence[LoginState]:
        with self._database.reading() as connection:
            due = claim_polls(connection, self._now(), most, busy)
            with self._lock:
                known = {poll.id: self._known.get(poll.id) for poll in due}
            # A poll uses the cached state with decrypted cookies, unless another replica has written meanwhile.
            states = [s for poll in due if (s := known[poll.id]) is not None and s.version == poll.version]
            fresh = {state.id for state in states}
            missing = [poll.id for poll in due if poll.id not in fresh]
            return [*states, *self._read(connection, missing)]

    def _read(self, connection: Connection, ids: Sequence[str]) -> Sequence[LoginState]:
        if not ids:
            return ()
        # Another replica may have claimed an act of the login after this claim.
        states = [state for state in self._rows.read(connection, ids) if state.step in POLLS]
        for state in states:
            self._cache(state)
        return states

    def _claim_acts(self, most: int, _busy: Collection[str]) -> Sequence[LoginState]:
        with self._database.reading() as connection:
            return claim_acts(connection, self._rows, self._now(), most)

    def _next(self, read: NextDue) -> datetime.datetime | None:
        with self._database.direct() as connection:
            return read(connection)

    def _take(self, state: LoginState) -> None:
        written = self._steps.take(state)
        if written is None:
            return
        self._cache(written)
        if written.step is not None:
            # It may be due before everything else the lane waits for.
            (self._polls if written.step in POLLS else self._acts).nudge()

    def _cache(self, state: LoginState) -> None:
        with self._lock:
            if state.ended_at is None:
                self._known[state.id] = state
            else:
                self._known.pop(state.id, None)
