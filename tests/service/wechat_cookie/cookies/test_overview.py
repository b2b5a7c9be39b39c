"""The overview counts what a count of the cookies would, whatever changes them."""

import datetime
import random
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import delete, select, text, update

from services.wechat_cookie.cookies.overview import Overview, overview
from services.wechat_cookie.cookies.tables import cookies
from tests.service.wechat_cookie.store import Store


def counted(store: Store) -> Overview:
    with store.database.snapshot() as connection:
        return overview(connection, store.clock())


def by_counting(store: Store) -> Overview:
    """The same from the rows themselves."""
    now = store.clock()
    present = now.replace(minute=0, second=0, microsecond=0)
    with store.database.reading() as connection:
        rows = connection.execute(
            select(cookies.c.health, cookies.c.cooling_until, cookies.c.expire_time)
        ).all()
    kept = [one for one in rows if one.expire_time >= present]
    cooling = sum(one.health == "cooling_down" and one.cooling_until > now < one.expire_time for one in kept)
    dead = sum(one.health == "dead" for one in kept)
    hours = Counter((one.expire_time - present) // datetime.timedelta(hours=1) for one in kept)
    return Overview(len(kept) - cooling - dead, cooling, dead, sorted(hours.items()))


def test_whatever_changes_the_cookies_the_counts_follow(store: Store) -> None:
    chance = random.Random(5)
    for number in range(30):
        store.save(str(1000 + number), uuid.uuid4())
    for step in range(40):
        some = cookies.c.token.in_([str(1000 + chance.randrange(30)) for _ in range(3)])
        later = store.clock() + datetime.timedelta(minutes=chance.randint(-90, 5000))
        with store.database.transaction() as connection:
            match step % 5:
                case 0:
                    new = {"health": "cooling_down", "cooling_until": later}
                    connection.execute(update(cookies).where(some).values(new))
                case 1:
                    connection.execute(update(cookies).where(some).values(health="dead", cooling_until=None))
                case 2:
                    connection.execute(update(cookies).where(some).values(health="ok", cooling_until=None))
                case 3:
                    bound = cookies.c.created_time < later
                    connection.execute(update(cookies).where(some, bound).values(expire_time=later))
                case _:
                    connection.execute(delete(cookies).where(some))
        assert counted(store) == by_counting(store)
        store.clock.move(minutes=40)
    with store.database.transaction() as connection:
        connection.execute(text("TRUNCATE cookies"))
    assert counted(store) == Overview(0, 0, 0, [])


def test_a_new_cookie_has_its_full_time_and_saves_at_once_lose_no_count(store: Store) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: store.save(str(number + 1), uuid.uuid4()), range(24)))
    found = counted(store)
    # 88 hours from a moment within the present hour.
    assert (found.ok, found.cooling_down, found.dead, found.hours_left) == (24, 0, 0, [(88, 24)])
