"""The overview counts what a count of the rows would, whatever changes them, and also at a day's edges."""

import datetime
import random
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import delete, insert, select, text, update

from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.postgres.database import Database
from services.identity.accounts.overview import Overview, overview, prune
from services.identity.tables import accounts, overview_count_deltas
from tests.service.identity.logins import login
from tests.service.identity.replicas import PASSWORD, Account, Callers, Clock, sign_in

NOON = datetime.datetime(2026, 5, 6, 12, tzinfo=datetime.UTC)
SECOND = datetime.timedelta(seconds=1)
DAY = datetime.timedelta(days=1)


def row(status: str, expired_time: datetime.datetime | None = None, role: str = "user") -> dict[str, object]:
    account_id = uuid.uuid4()
    return {
        "id": account_id,
        "email": f"{account_id}@example.com",
        "email_key": f"{account_id}@example.com",
        "password_hash": "!",
        "role": role,
        "activation_status": status,
        "expired_time": expired_time,
        "created_at": NOON,
        "updated_at": NOON,
    }


def add(database: Database, *rows: dict[str, object]) -> None:
    with database.transaction() as connection:
        connection.execute(insert(accounts), list(rows))


def counted(database: Database, now: datetime.datetime = NOON) -> Overview:
    with database.snapshot() as connection:
        return overview(connection, now)


def numbers(found: Overview) -> tuple[int, ...]:
    return (
        *(found.pending, found.active, found.expired, found.revoked, found.admins),
        *(found.lapsing_in_7_days, found.lapsing_in_30_days),
    )


def by_counting(database: Database, now: datetime.datetime) -> tuple[int, ...]:
    """The same numbers from the rows themselves."""
    with database.reading() as connection:
        rows = connection.execute(
            select(accounts.c.role, accounts.c.activation_status, accounts.c.expired_time)
        ).all()
    users = [one for one in rows if one.role == "user"]
    ends = [one.expired_time or datetime.datetime.max.replace(tzinfo=datetime.UTC) for one in users]
    active = [
        end
        for one, end in zip(users, ends, strict=True)
        if one.activation_status == "active" and (one.expired_time is None or end > now)
    ]
    lapsed = sum(one.activation_status == "active" for one in users) - len(active)
    states = {
        status: sum(one.activation_status == status for one in users) for status in ("pending", "revoked")
    }
    return (
        states["pending"],
        len(active),
        sum(one.activation_status == "expired" for one in users) + lapsed,
        states["revoked"],
        len(rows) - len(users),
        sum(end <= now + 7 * DAY for end in active),
        sum(end <= now + 30 * DAY for end in active),
    )


@pytest.mark.parametrize("span", [7 * DAY, 30 * DAY, 0 * DAY], ids=str)
@pytest.mark.parametrize("hour", [0, 12, 23])
def test_the_edges_are_exact_to_the_moment(database: Database, span: datetime.timedelta, hour: int) -> None:
    now = NOON.replace(hour=hour)
    ends = [now + span + offset for offset in (-DAY, -SECOND, 0 * SECOND, SECOND, DAY)]
    add(database, *(row("active", end) for end in ends))
    found = counted(database, now)
    assert numbers(found) == by_counting(database, now)
    if span == 7 * DAY:
        assert (found.active, found.lapsing_in_7_days) == (5, 3)
    if not span:
        assert (found.expired, found.active) == (3, 2)


def test_whatever_changes_the_rows_the_counts_follow(database: Database) -> None:
    chance = random.Random(11)

    def end() -> datetime.datetime | None:
        return chance.choice([None, NOON + datetime.timedelta(hours=chance.randint(-1000, 1000))])

    def one_row() -> dict[str, object]:
        status = chance.choice(["pending", "active", "active", "expired", "revoked"])
        return row(status, end(), chance.choice(["user", "user", "user", "admin"]))

    add(database, *(one_row() for _ in range(60)))
    for step in range(60):
        with database.transaction() as connection:
            ids = list(connection.execute(select(accounts.c.id)).scalars())
            some = accounts.c.id.in_(chance.sample(ids, chance.randint(1, 5)))
            match step % 5:
                case 0:
                    connection.execute(insert(accounts), [one_row() for _ in range(5)])
                case 1:
                    connection.execute(delete(accounts).where(some))
                case 2:
                    connection.execute(update(accounts).where(some).values(expired_time=end()))
                case 3:
                    status = chance.choice(["pending", "active", "revoked"])
                    connection.execute(update(accounts).where(some).values(activation_status=status))
                case _:
                    connection.execute(
                        update(accounts).where(some).values(role=chance.choice(["user", "admin"]))
                    )
        assert numbers(counted(database)) == by_counting(database, NOON)
    for later in (0.4 * DAY, 3 * DAY, 40 * DAY):
        assert numbers(counted(database, NOON + later)) == by_counting(database, NOON + later)
    with database.transaction() as connection:
        connection.execute(text("TRUNCATE accounts CASCADE"))
    assert numbers(counted(database)) == (0,) * 7


def test_many_writers_at_once_lose_no_count_and_wait_for_none(database: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: add(database, row("active", NOON + DAY)), range(80)))
    assert numbers(counted(database)) == (0, 80, 0, 0, 0, 80, 80)
    with database.transaction() as holder:
        holder.execute(insert(accounts), row("active", NOON + DAY))
        # It neither waits for the other transaction, whose deltas are locked, nor counts it.
        add(database, row("active", NOON + DAY))
        assert counted(database).active == 81
    assert counted(database).active == 82


def test_sign_ins_are_counted_by_day_refusals_are_not_and_old_days_go(
    callers: Callers, admin: Account, person: Account, clock: Clock, database: Database
) -> None:
    assert login(callers, "203.0.113.7", "wrong") == "WRONG_CREDENTIALS"

    def listed() -> list[int]:
        answer = callers.gateway.GetOverview(pb.GetOverviewRequest(), metadata=admin.bearer)
        assert len(answer.sign_ins) == 30
        assert answer.sign_ins[-1].day == clock.now().date().isoformat()
        return [one.count for one in answer.sign_ins]

    # The admin's and the person's.
    assert listed() == [*[0] * 29, 2]
    clock.advance(days=2)
    again = sign_in(callers, admin.id, admin.email, "battery staple")
    sign_in(callers, person.id, person.email, PASSWORD)
    answer = callers.gateway.GetOverview(pb.GetOverviewRequest(), metadata=again.bearer)
    assert [one.count for one in answer.sign_ins] == [*[0] * 27, 2, 0, 2]
    assert (answer.accounts.pending, answer.accounts.admins) == (1, 1)
    assert prune(database, clock.now) == 0
    clock.advance(days=46)
    assert prune(database, clock.now) == 2
    with database.reading() as connection:
        kinds = connection.execute(select(overview_count_deltas.c.kind)).scalars().all()
    assert "sign_in" not in kinds
    assert "pending" in kinds
