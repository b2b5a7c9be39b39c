"""Random steps on the database and on a small model of it: the same cookie is chosen, or the same refusal made."""

import datetime
import random
import uuid
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Connection

from services.chassis.errors import DomainError, ThrottledError
from services.wechat_cookie.cookies import changing, expiry, health, reading
from services.wechat_cookie.cookies.health import HealthReason
from services.wechat_cookie.data_calls import budget
from services.wechat_cookie.data_calls.limits import BudgetLimits
from tests.service.wechat_cookie.store import ANN, Store

PER_HOUR = 5
LIMITS = BudgetLimits(requests_per_hour=PER_HOUR, spacing_seconds=3)
HOUR = datetime.timedelta(hours=1)
MOST_COOKIES = 4


@dataclass
class ModelCookie:
    """A cookie in the plainest terms: all its calls, and what is known of its health."""

    id: uuid.UUID
    token: str
    created: datetime.datetime
    expires: datetime.datetime
    dead: bool = False
    cooling_until: datetime.datetime | None = None
    limits_in_a_row: int = 0
    calls: list[datetime.datetime] = field(default_factory=list)
    next_call: datetime.datetime | None = None

    def is_alive(self, now: datetime.datetime) -> bool:
        return not self.dead and self.expires > now

    def is_cooling(self, now: datetime.datetime) -> bool:
        return self.cooling_until is not None and self.cooling_until > now

    def free_from(self, now: datetime.datetime) -> datetime.datetime:
        """The first moment from `now` on at which it may be called."""
        waits = [now]
        waits += [time for time in (self.cooling_until, self.next_call) if time is not None]
        if len(self.calls) >= PER_HOUR:
            waits.append(self.calls[-PER_HOUR] + HOUR)
        return max(waits)


class Model:
    """The cookies of one owner, and the rules in a few lines each."""

    def __init__(self) -> None:
        self.cookies: list[ModelCookie] = []
        self.current: ModelCookie | None = None

    def choose(self, now: datetime.datetime) -> ModelCookie | str | tuple[str, datetime.timedelta]:
        """The cookie of a data call, or the reason of the refusal, with its pause."""
        alive = [one for one in self.cookies if one.is_alive(now)]
        if not alive:
            return "COOKIE_UNUSABLE"
        free = [one for one in alive if one.free_from(now) <= now]
        if self.current in free and self.current is not None:
            return self.current
        if free:
            never = datetime.datetime.min.replace(tzinfo=datetime.UTC)
            return min(free, key=lambda one: (one.calls[-1] if one.calls else never, one.id))
        first = min(alive, key=lambda one: one.free_from(now))
        reason = "WECHAT_RATE_LIMITED" if first.is_cooling(now) else "BUDGET_EXHAUSTED"
        return reason, first.free_from(now) - now

    def best(self, now: datetime.datetime) -> ModelCookie | None:
        """The newest usable one; else the newest that cools down; else the newest."""
        ranked = sorted(self.cookies, key=lambda one: (one.created, -one.id.int), reverse=True)
        ranked.sort(key=lambda one: (not one.is_alive(now), one.is_cooling(now)))
        return next(iter(ranked), None)

    def hand_over(self, now: datetime.datetime) -> None:
        """What follows the death of a cookie."""
        if self.current is None or self.current.is_alive(now):
            return
        if any(one.is_alive(now) for one in self.cookies):
            self.current = self.best(now)

    def remove(self, gone: list[ModelCookie], now: datetime.datetime) -> None:
        """What follows expiry or deletion."""
        self.cookies = [one for one in self.cookies if one not in gone]
        if self.current in gone:
            self.current = self.best(now)


class Walk:
    """Makes the same random steps on both."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store = store
        self.draw = random.Random(seed)
        self.model = Model()
        self.number = 0
        self.steps = {
            self.call: 10,
            self.wait: 10,
            self.log_in: 2,
            self.choose: 1,
            self.delete: 1,
            self.die: 1,
            self.limit: 2,
            self.work: 2,
            self.sweep: 1,
        }

    @property
    def now(self) -> datetime.datetime:
        return self.store.clock()

    def step(self) -> None:
        """Makes one step, and compares which cookies there are, their health, and which is current."""
        [act] = self.draw.choices(list(self.steps), list(self.steps.values()))
        with self.store.database.transaction() as connection:
            act(connection)
        current = self.model.current
        with self.store.database.direct() as direct:
            found = reading.list_cookies(direct, ANN, self.now)
        listed = {one.token: (one.health_at(self.now), one.is_current) for one in found}
        assert listed == {
            one.token: (
                "dead" if one.dead else "cooling_down" if one.is_cooling(self.now) else "ok",
                one is current,
            )
            for one in self.model.cookies
            if one.expires > self.now
        }, act.__name__

    def call(self, connection: Connection) -> None:
        """A data call at this moment."""
        spacing = LIMITS.spacing(self.draw)
        expected = self.model.choose(self.now)
        got: object
        try:
            got = budget.take(connection, ANN, LIMITS, spacing, self.now).token
        except ThrottledError as error:
            got = (error.reason, error.retry_after)
        except DomainError as error:
            got = error.reason
        assert got == (expected.token if isinstance(expected, ModelCookie) else expected)
        if isinstance(expected, ModelCookie):
            expected.calls.append(self.now)
            expected.next_call = self.now + spacing

    def wait(self, _connection: Connection) -> None:
        """Time passes: mostly seconds, sometimes hours."""
        seconds = self.draw.choice((0.5, 2, 5, 20, 300, 1500, 4000, 40_000))
        self.store.clock.move(seconds=seconds)

    def log_in(self, _connection: Connection) -> None:
        """Another official account is scanned."""
        if len(self.model.cookies) >= MOST_COOKIES:
            return
        self.number += 1
        saved = self.store.save(str(1000 + self.number))
        one = ModelCookie(saved.id, saved.token, saved.created_time, saved.expire_time)
        self.model.cookies.append(one)
        self.model.current = one

    def choose(self, connection: Connection) -> None:
        """The owner makes one current."""
        if (one := self._any()) is not None and one.expires > self.now:
            changing.make_current(connection, ANN, one.token, self.now)
            self.model.current = one

    def delete(self, connection: Connection) -> None:
        """The owner deletes one."""
        if (one := self._any()) is not None:
            changing.delete_cookie(connection, ANN, one.token, self.now)
            self.model.remove([one], self.now)

    def die(self, connection: Connection) -> None:
        """WeChat ends a session."""
        if (one := self._any()) is not None:
            has_died = health.ended(connection, ANN, one.id, HealthReason.RET_200003, self.now)
            assert has_died == (not one.dead)
            one.dead, one.cooling_until = True, None
            if has_died:
                self.model.hand_over(self.now)

    def limit(self, connection: Connection) -> None:
        """WeChat limits the rate of a request made now."""
        if (one := self._any()) is not None and not one.dead:
            health.limited(connection, one.id, self.now, HealthReason.RET_200013, self.now)
            hours = min(2**one.limits_in_a_row, 24)
            one.cooling_until = self.now + datetime.timedelta(hours=hours)
            one.limits_in_a_row += 1

    def work(self, connection: Connection) -> None:
        """WeChat answers a request made now."""
        if (one := self._any()) is not None and not one.dead:
            health.heard_ok(connection, one.id, self.now, self.now)
            one.cooling_until, one.limits_in_a_row = None, 0

    def sweep(self, connection: Connection) -> None:
        """Expired cookies are removed."""
        expiry.remove_expired(connection, ANN, self.now)
        self.model.remove([one for one in self.model.cookies if one.expires <= self.now], self.now)

    def _any(self) -> ModelCookie | None:
        return self.draw.choice(self.model.cookies) if self.model.cookies else None


@pytest.mark.parametrize(
    ("seed", "steps"),
    [(1, 600), pytest.param(2, 10_000, marks=[pytest.mark.long, pytest.mark.timeout(600)])],
)
def test_the_budgets_and_the_choice_follow_the_model(store: Store, seed: int, steps: int) -> None:
    walk = Walk(store, seed)
    for _ in range(steps):
        walk.step()


def test_the_model_notices_a_wrong_choice(store: Store) -> None:
    walk = Walk(store, 1)
    for token in ("1", "2"):
        saved = store.save(token)
        one = ModelCookie(saved.id, saved.token, saved.created_time, saved.expire_time)
        walk.model.cookies.append(one)
    walk.model.current = walk.model.cookies[0]
    with store.database.transaction() as connection, pytest.raises(AssertionError):
        walk.call(connection)
