"""Past expire_time a cookie is not listed, not current, and soon not there."""

import uuid

import pytest
from sqlalchemy import func, insert, select

from services.wechat_cookie.cookies import cascade, changing, expiry, health
from services.wechat_cookie.cookies.errors import CookieNotFoundError
from services.wechat_cookie.cookies.health import HealthReason
from services.wechat_cookie.cookies.sweeper import Sweeper
from services.wechat_cookie.cookies.tables import acquisitions, cookies, deleted_owners
from tests.service.wechat_cookie.store import ANN, BOB, Store
from tests.support.waiting import wait_until


def test_an_expired_cookie_is_hidden_before_it_is_swept(store: Store) -> None:
    store.save("1001")
    store.clock.move(hours=87, minutes=59)
    assert store.tokens() == ["1001"]
    store.clock.move(minutes=1)
    assert store.tokens() == []
    with pytest.raises(CookieNotFoundError):
        store.current()


def test_the_sweep_removes_what_is_expired_and_nothing_else(store: Store) -> None:
    store.save("1001", ANN)
    store.save("2001", BOB)
    store.clock.move(hours=50)
    store.save("2002", BOB)
    store.clock.move(hours=38)
    sweeper = Sweeper(store.database, store.clock)
    assert sweeper.sweep() == 2
    assert sweeper.sweep() == 0
    with store.database.reading() as connection:
        assert list(connection.execute(select(cookies.c.token)).scalars()) == ["2002"]


def test_when_the_current_one_expires_the_newest_left_becomes_current(store: Store) -> None:
    store.save("1001")
    store.clock.move(hours=10)
    store.save("1002")
    store.save("1003")
    with store.database.transaction() as connection:
        changing.make_current(connection, ANN, "1001", store.clock())
    store.clock.move(hours=78)
    Sweeper(store.database, store.clock).sweep()
    assert store.current() == "1003"


def test_when_the_current_one_expires_a_dead_one_does_not_become_current(store: Store) -> None:
    store.save("1001")
    store.clock.move(hours=10)
    store.save("1002")
    dead = store.save("1003")
    with store.database.transaction() as connection:
        changing.make_current(connection, ANN, "1001", store.clock())
        health.ended(connection, ANN, dead.id, HealthReason.RET_200003, store.clock())
    store.clock.move(hours=78)
    Sweeper(store.database, store.clock).sweep()
    assert store.current() == "1002"


def test_more_owners_than_one_batch_are_swept_in_one_sweep(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "OWNERS_BATCH", 2)
    for number in range(5):
        store.save(str(1000 + number), uuid.uuid4())
    store.clock.move(hours=89)
    assert Sweeper(store.database, store.clock).sweep() == 5


def test_the_sweeper_removes_a_cookie_soon_after_it_expires(store: Store) -> None:
    store.save("1001")
    store.clock.move(hours=88, seconds=-1)
    sweeper = Sweeper(store.database, store.clock)
    sweeper.start()
    try:
        assert store.count(ANN) == 1
        store.clock.move(seconds=2)
        wait_until(lambda: store.count(ANN) == 0, "the expired cookie is swept")
    finally:
        sweeper.stop()


def test_old_records_are_forgotten(store: Store) -> None:
    record = {
        "cookie_id": uuid.uuid4(),
        "token": "1001",
        "owner_id": ANN,
        "owner_email": "ann@example.com",
        "caller": "collector",
        "request_id": "r",
        "client_address": "127.0.0.1",
    }
    with store.database.transaction() as connection:
        for days in (0, 89, 91):
            times = {
                "id": uuid.uuid4(),
                "acquired_time": store.clock() - days * expiry.ACQUISITIONS_KEPT / 90,
            }
            connection.execute(insert(acquisitions), {**record, **times})
        cascade.delete_owner(connection, ANN, store.clock() - expiry.DELETED_OWNERS_KEPT * 2)
        cascade.delete_owner(connection, BOB, store.clock())
    Sweeper(store.database, store.clock).sweep()
    with store.database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(acquisitions)).scalar_one() == 2
        assert list(connection.execute(select(deleted_owners.c.owner_id)).scalars()) == [BOB]
