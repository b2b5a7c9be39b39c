"""The metrics of cookies and of pending logouts."""

import datetime
import uuid

from prometheus_client import CollectorRegistry
from sqlalchemy import text, update

from services.wechat_cookie.cookies import pending_logouts
from services.wechat_cookie.cookies.metrics import cookie_metrics
from services.wechat_cookie.cookies.pending_logouts import deletion_with_logout
from services.wechat_cookie.cookies.tables import cookies
from tests.service.wechat_cookie.store import Store
from tests.support.waiting import wait_until


def test_cookies_are_counted_by_health_and_by_hours_to_expiry(store: Store) -> None:
    for number in range(4):
        store.save(str(number + 1), uuid.uuid4())
    present = store.clock().replace(minute=0, second=0, microsecond=0)
    with store.database.transaction() as connection:
        for token, hours, health in (("1", 0.9, "dead"), ("2", 7.5, "ok"), ("3", 8.5, "ok"), ("4", 90, "ok")):
            ends = present + datetime.timedelta(hours=hours)
            changed = update(cookies).where(cookies.c.token == token)
            values = {"expire_time": ends, "health": health, "created_time": present - datetime.timedelta(1)}
            connection.execute(changed.values(values))
    registry = CollectorRegistry()
    loop = cookie_metrics(store.database, store.clock, registry)
    value = registry.get_sample_value
    loop.start()
    wait_until(lambda: value("wechat_cookies_expiring", {"hours": "96"}) == 4)
    loop.stop()
    expiring = {hours: value("wechat_cookies_expiring", {"hours": hours}) for hours in ("1", "4", "8", "12")}
    assert expiring == {"1": 1, "4": 1, "8": 2, "12": 3}
    by_health = {
        health: value("wechat_cookies", {"health": health}) for health in ("ok", "dead", "cooling_down")
    }
    assert by_health == {"ok": 3, "dead": 1, "cooling_down": 0}


def test_pending_logouts_are_counted_with_the_age_of_the_oldest(store: Store) -> None:
    for number in range(2):
        store.save(str(number + 1), uuid.uuid4())
    with store.database.transaction() as connection:
        assert pending_logouts.waiting(connection).by_state == {"todo": 0}
        connection.execute(deletion_with_logout(cookies.c.token.in_(["1", "2"])))
        aged = "UPDATE pending_logouts SET created_time = now() - interval '3 hours' WHERE token = '1'"
        connection.execute(text(aged))
    with store.database.reading() as connection:
        found = pending_logouts.waiting(connection)
    assert found.by_state == {"todo": 2}
    assert 3 * 3600 <= found.oldest_seconds < 3 * 3600 + 600
