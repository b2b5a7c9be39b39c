"""An owner with cookies has exactly one current, whatever happens at once."""

import random
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.chassis.errors import DomainError
from services.wechat_cookie.cookies import cascade, changing, saving
from services.wechat_cookie.cookies.errors import (
    CookieNotFoundError,
    OwnedByAnotherAccountError,
    OwnerDeletedError,
)
from services.wechat_cookie.cookies.sweeper import Sweeper
from tests.service.wechat_cookie.store import ANN, BOB, Store


def change(store: Store, token: str, owner: uuid.UUID = ANN) -> None:
    with store.database.transaction() as connection:
        changing.make_current(connection, owner, token, store.clock())


def delete(store: Store, token: str, owner: uuid.UUID = ANN) -> None:
    with store.database.transaction() as connection:
        changing.delete_cookie(connection, owner, token, store.clock())


def currents(store: Store, owner: uuid.UUID = ANN) -> int:
    with store.database.reading() as connection:
        return store.currents(connection, owner)


def all_at_once(tasks: list[Callable[[], object]]) -> list[DomainError]:
    """Runs all tasks in threads that start together; gives the domain errors they raised."""
    start = threading.Barrier(len(tasks))

    def run(task: Callable[[], object]) -> DomainError | None:
        start.wait()
        try:
            task()
        except DomainError as error:
            return error
        return None

    with ThreadPoolExecutor(len(tasks)) as pool:
        return [error for error in pool.map(run, tasks) if error is not None]


def test_the_chosen_one_is_current_and_choosing_again_changes_nothing(store: Store) -> None:
    store.save("1001")
    store.save("1002")
    for _ in range(2):
        change(store, "1001")
        assert store.current() == "1001"
        assert currents(store) == 1


def test_the_newest_left_becomes_current_when_the_current_one_is_deleted(store: Store) -> None:
    for token in ("1001", "1002", "1003"):
        store.save(token)
    change(store, "1001")
    delete(store, "1001")
    assert store.current() == "1003"
    delete(store, "1003")
    assert store.current() == "1002"
    delete(store, "1002")
    with pytest.raises(CookieNotFoundError):
        store.current()


def test_deleting_another_one_leaves_the_current_one_alone(store: Store) -> None:
    for token in ("1001", "1002", "1003"):
        store.save(token)
    change(store, "1001")
    delete(store, "1003")
    assert store.current() == "1001"


@pytest.mark.parametrize("act", [change, delete])
def test_nobody_changes_or_deletes_what_is_not_theirs(
    store: Store, act: Callable[[Store, str, uuid.UUID], None]
) -> None:
    store.save("1001", ANN)
    store.save("2001", BOB)
    store.save("2002", BOB)
    with pytest.raises(CookieNotFoundError):
        act(store, "2001", ANN)
    assert store.current(ANN) == "1001"
    assert store.current(BOB) == "2002"
    assert store.tokens(BOB) == ["2002", "2001"]


def test_an_expired_cookie_cannot_be_chosen(store: Store) -> None:
    store.save("1001")
    store.clock.move(hours=80)
    store.save("1002")
    store.clock.move(hours=8)
    with pytest.raises(CookieNotFoundError):
        change(store, "1001")
    assert store.current() == "1002"


@pytest.mark.parametrize("seed", range(6))
def test_parallel_saves_changes_deletes_and_sweeps_leave_exactly_one_current(store: Store, seed: int) -> None:
    choices = random.Random(seed)
    tokens = [str(1000 + number) for number in range(8)]
    for token in tokens[:4]:
        store.save(token, original_id=f"gh_{choices.randrange(4)}")
    sweeper = Sweeper(store.database, store.clock)

    def save(token: str, original_id: str) -> None:
        with store.database.transaction() as connection:
            saving.save(connection, store.vault, store.new(token, ANN, original_id))

    def task() -> Callable[[], object]:
        token, original_id = choices.choice(tokens), f"gh_{choices.randrange(4)}"
        kinds: list[Callable[[], object]] = [
            lambda: save(token, original_id),
            lambda: change(store, token),
            lambda: delete(store, token),
            sweeper.sweep,
        ]
        return kinds[choices.choices(range(4), (4, 3, 3, 1))[0]]

    for _ in range(5):
        errors = all_at_once([task() for _ in range(12)])
        assert all(isinstance(error, CookieNotFoundError) for error in errors), errors
        assert currents(store) == min(1, store.count(ANN))


def test_deletions_racing_for_all_cookies_each_succeed_once(store: Store) -> None:
    tokens = [str(1000 + number) for number in range(6)]
    for token in tokens:
        store.save(token)
    errors = all_at_once([lambda token=token: delete(store, token) for token in tokens * 2])  # type: ignore[misc]
    assert [type(error) for error in errors] == [CookieNotFoundError] * len(tokens)
    assert store.count(ANN) == 0


def test_of_two_owners_racing_for_a_token_exactly_one_gets_it(store: Store) -> None:
    for attempt in range(10):
        token = str(5000 + attempt)

        def save(owner: uuid.UUID, token: str = token) -> None:
            with store.database.transaction() as connection:
                saving.save(connection, store.vault, store.new(token, owner))

        errors = all_at_once([lambda: save(ANN), lambda: save(BOB)])
        assert [type(error) for error in errors] == [OwnedByAnotherAccountError]
        assert (token in store.tokens(ANN)) != (token in store.tokens(BOB))
    assert currents(store, ANN) == min(1, store.count(ANN))
    assert currents(store, BOB) == min(1, store.count(BOB))


def test_no_cookie_survives_the_deletion_of_its_owner_however_the_race_ends(store: Store) -> None:
    for attempt in range(10):
        owner = uuid.uuid4()

        def save(owner: uuid.UUID = owner, token: str = str(7000 + attempt)) -> None:
            with store.database.transaction() as connection:
                saving.save(connection, store.vault, store.new(token, owner))

        def cascade_deletion(owner: uuid.UUID = owner) -> None:
            with store.database.transaction() as connection:
                cascade.delete_owner(connection, owner, store.clock())

        errors = all_at_once([save, cascade_deletion])
        assert all(isinstance(error, OwnerDeletedError) for error in errors), errors
        assert store.count(owner) == 0
