"""The memory of principals: right whatever the feed does, or not used."""

import datetime
from dataclasses import dataclass, field, replace

import pytest

from services.chassis.identity.principals import (
    TRUST_SECONDS,
    AuthenticatedToken,
    CachingAuthenticator,
    Principal,
    UnauthenticatedError,
)

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
ALICE = Principal("a", "alice@example.com", "user", "active", NOW + datetime.timedelta(days=1))


@dataclass
class Identity:
    """Answers like Identity: the account as it is now, with the feed's head."""

    principal: Principal = ALICE
    sequence: int = 1
    asked: int = 0
    expire_time: datetime.datetime = NOW + datetime.timedelta(hours=1)
    refuses: bool = False

    def fetch(self, _token: str) -> AuthenticatedToken:
        self.asked += 1
        if self.refuses:
            raise UnauthenticatedError
        return AuthenticatedToken(self.principal, self.expire_time, self.sequence)


@dataclass
class Clock:
    now: datetime.datetime = NOW
    seconds: float = 100.0

    def advance(self, seconds: float) -> None:
        self.now += datetime.timedelta(seconds=seconds)
        self.seconds += seconds


@dataclass
class World:
    identity: Identity = field(default_factory=Identity)
    clock: Clock = field(default_factory=Clock)
    capacity: int = 100

    def __post_init__(self) -> None:
        self.memory = CachingAuthenticator(
            self.identity.fetch, lambda: self.clock.now, lambda: self.clock.seconds, self.capacity
        )


def anyone(_principal: Principal) -> bool:
    return True


@pytest.fixture
def world() -> World:
    return World()


def test_asks_identity_once_while_the_feed_is_heard(world: World) -> None:
    world.memory.trust()
    assert [world.memory.authenticate("t", anyone) for _ in range(3)] == [ALICE] * 3
    assert world.identity.asked == 1


def test_trusts_nothing_before_the_feed_was_heard(world: World) -> None:
    world.memory.authenticate("t", anyone)
    world.memory.authenticate("t", anyone)
    assert world.identity.asked == 2


def test_trusts_nothing_once_the_feed_falls_silent(world: World) -> None:
    world.memory.trust()
    world.memory.authenticate("t", anyone)
    world.clock.advance(TRUST_SECONDS)
    world.memory.authenticate("t", anyone)
    assert world.identity.asked == 2


def test_trusts_nothing_once_the_feed_is_broken_and_again_when_it_is_back(world: World) -> None:
    world.memory.trust()
    world.memory.authenticate("t", anyone)
    world.memory.distrust()
    world.memory.authenticate("t", anyone)
    assert world.identity.asked == 2
    world.memory.trust()
    world.memory.authenticate("t", anyone)
    assert world.identity.asked == 2


def test_a_change_counts_from_the_next_call_on(world: World) -> None:
    world.memory.trust()
    world.memory.authenticate("t", anyone)
    world.identity.principal = replace(ALICE, role="admin")
    world.identity.sequence = 2
    world.memory.drop("a", 2)
    assert world.memory.authenticate("t", anyone).role == "admin"
    assert world.memory.authenticate("t", anyone).role == "admin"
    assert world.identity.asked == 2


def test_a_change_of_another_account_costs_nothing(world: World) -> None:
    world.memory.trust()
    world.memory.authenticate("t", anyone)
    world.memory.drop("b", 2)
    world.memory.authenticate("t", anyone)
    assert world.identity.asked == 1


def test_an_answer_that_was_overtaken_by_its_change_is_not_kept(world: World) -> None:
    # Identity answered at sequence 1, and the change with sequence 2 arrived before the answer did.
    world.memory.trust()
    world.memory.drop("a", 2)
    world.memory.authenticate("t", anyone)
    world.memory.authenticate("t", anyone)
    assert world.identity.asked == 2


def test_a_revoked_token_is_refused_at_once(world: World) -> None:
    world.memory.trust()
    world.memory.authenticate("t", anyone)
    world.identity.refuses = True
    world.memory.drop("a", 2)
    with pytest.raises(UnauthenticatedError):
        world.memory.authenticate("t", anyone)


def test_a_cached_token_ends_at_its_own_expiry(world: World) -> None:
    world.identity.expire_time = NOW + datetime.timedelta(seconds=1)
    world.memory.trust()
    world.memory.authenticate("t", anyone)
    world.clock.advance(1)
    world.memory.trust()
    world.memory.authenticate("t", anyone)
    assert world.identity.asked == 2


def test_forgetting_a_change_for_lack_of_room_revives_nothing() -> None:
    world = World(capacity=2)
    world.memory.trust()
    world.memory.authenticate("t", anyone)
    for sequence, account in enumerate(("a", "b", "c", "d"), start=2):
        world.memory.drop(account, sequence)
    world.memory.authenticate("t", anyone)
    assert world.identity.asked == 2


def test_a_gap_in_the_feed_makes_all_older_answers_worthless(world: World) -> None:
    world.memory.trust()
    world.memory.authenticate("t", anyone)
    world.memory.forget(5)
    world.memory.authenticate("t", anyone)
    assert world.identity.asked == 2


@pytest.mark.parametrize(
    ("status", "expired_time", "expected"),
    [
        ("active", NOW + datetime.timedelta(microseconds=1), "active"),
        ("active", NOW, "expired"),
        ("active", None, "active"),
        ("pending", NOW, "pending"),
        ("revoked", NOW - datetime.timedelta(days=1), "revoked"),
    ],
)
def test_the_effective_status_compares_with_the_clock(
    status: str, expired_time: datetime.datetime | None, expected: str
) -> None:
    principal = replace(ALICE, activation_status=status, expired_time=expired_time)
    assert principal.effective_status(NOW) == expected


def test_who_does_not_suffice_as_remembered_is_asked_for_anew(world: World) -> None:
    world.memory.trust()
    world.memory.authenticate("t", anyone)
    world.identity.principal = replace(ALICE, role="admin")
    is_admin = world.memory.authenticate("t", lambda principal: principal.role == "admin")
    assert (is_admin.role, world.identity.asked) == ("admin", 2)
    assert world.memory.authenticate("t", anyone).role == "admin"
    assert world.identity.asked == 2


def test_who_does_not_suffice_now_either_is_given_as_they_are(world: World) -> None:
    world.memory.trust()
    assert world.memory.authenticate("t", lambda _: False) == ALICE
    assert world.identity.asked == 1
