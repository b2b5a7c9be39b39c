"""GetOverview: codes by effective state, the newest batches, the redemptions of the last 30 days."""

import datetime
import uuid
from functools import partial

import grpc
import pytest
from sqlalchemy import text

from fastmp.activation.v1 import activation_service_pb2 as pb
from services.activation.api.messages import timestamp_of
from services.activation.codes.overview import read_overview
from services.activation.composition import PACKAGE
from services.chassis.postgres import migrations
from services.chassis.postgres.database import Database
from tests.service.activation.replicas import Replica, at_once, refusal
from tests.service.identity.replicas import Clock
from tests.service.scripted_identity import Account, World
from tests.support.postgres import FreshDatabase

pytestmark = pytest.mark.usefixtures("no_codes")


def overview(replica: Replica, caller: Account) -> pb.GetOverviewResponse:
    return replica.stub.GetOverview(pb.GetOverviewRequest(), metadata=caller.bearer)


def test_codes_are_counted_by_the_state_that_they_read_as(
    replica: Replica, admin: Account, world: World, clock: Clock
) -> None:
    clock.stop()
    short, long, revoked, marked = (replica.new_code(admin, days) for days in (1, 90, 1, 1))
    for code in (short, long):
        replica.activate(world.add(), code)
    replica.revoke(admin, revoked)
    replica.update(admin, marked, status="expired")
    replica.batch(admin, 3, redeem_before=timestamp_of(clock.now() + datetime.timedelta(days=1)))
    replica.generate(admin, 5)
    clock.advance(days=2)

    seen = overview(replica, admin)

    assert (seen.pending, seen.active, seen.expired, seen.revoked) == (5, 1, 5, 1)
    for status in ("pending", "active", "expired", "revoked"):
        assert getattr(seen, status) == replica.list(admin, status=status).total


def test_the_stock_is_that_of_the_ten_newest_batches(
    replica: Replica, admin: Account, database: Database
) -> None:
    with database.transaction() as connection:
        connection.execute(text("TRUNCATE code_batches"))
    for number in range(12):
        replica.batch(admin, 1, note=f"batch {number}")

    seen = overview(replica, admin)

    listed = replica.batches(admin, size=10).items
    assert [(one.batch_id, one.create_time, one.pending) for one in seen.batches] == [
        (one.batch_id, one.create_time, one.pending) for one in listed
    ]
    assert [one.note for one in seen.batches] == [f"batch {number}" for number in range(11, 1, -1)]


def test_redemptions_are_counted_by_the_day(
    replica: Replica, admin: Account, world: World, clock: Clock
) -> None:
    clock.stop()
    codes = replica.generate(admin, 6)
    for code, days in zip(codes, (0, 1, 0, 28, 0, 1), strict=True):
        clock.advance(days=days)
        replica.activate(world.add(), code.activation_code)

    seen = overview(replica, admin)

    # The first one is 30 days ago, and no longer counted.
    assert [one.count for one in seen.redemptions] == [2, *[0] * 27, 2, 1]
    assert seen.redemptions[-1].day == clock.now().date().isoformat()
    assert len(seen.redemptions) == len({one.day for one in seen.redemptions}) == 30


def test_the_counts_are_those_of_the_rows_after_concurrent_changes(
    replica: Replica, admin: Account, world: World, clock: Clock, database: Database
) -> None:
    """Concurrent redemptions, revocations, deletions and generations, and the edge of a day."""
    clock.stop()
    late = timestamp_of(clock.now() + datetime.timedelta(hours=1))
    kept = replica.batch(admin, 40)
    others = replica.batch(admin, 40, 1, redeem_before=late)
    codes = [code.activation_code for code in kept.codes]

    at_once(
        [
            *[partial(replica.activate, world.add(), code) for code in codes[:12]],
            *[partial(replica.delete, admin, code) for code in codes[6:18]],
            *[partial(replica.revoke, admin, code) for code in codes[20:24]],
            *[partial(replica.activate, world.add(), code.activation_code) for code in others.codes[:5]],
            partial(replica.batch, admin, 7),
            partial(replica.revoke_batch, admin, others.batch_id),
        ]
    )

    for hours in (0, 2, 22, 24, 24 * 30):
        clock.advance(hours=hours)
        seen = overview(replica, admin)
        for status in ("pending", "active", "expired", "revoked"):
            assert getattr(seen, status) == replica.list(admin, status=status).total, (status, hours)
        stock = {one.batch_id: one.pending for one in replica.batches(admin).items}
        assert {one.batch_id: one.pending for one in seen.batches}.items() <= stock.items()


def test_old_rows_are_counted(fresh_database: FreshDatabase) -> None:
    """The migration counts what is there."""
    url = fresh_database("activation")
    migrations.downgrade(url, PACKAGE, "0007")
    database = Database(url, pool_size=1)
    with database.transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO activation_codes SELECT gen_random_uuid(), md5(n::text), NULL, NULL, 'pending', NULL, "
                "NULL, 30, :time, :time, :batch, 'now', NULL FROM generate_series(1, 9) n"
            ),
            {"time": "2026-01-02T03:04:05.000006Z", "batch": str(uuid.UUID(int=1))},
        )
    migrations.upgrade(url, PACKAGE)
    with database.snapshot() as connection:
        assert read_overview(connection, datetime.datetime.now(datetime.UTC)).counts["pending"] == 9
        stock = text("SELECT sum(delta) FROM overview_count_deltas WHERE kind LIKE 'stock %'")
        assert connection.execute(stock).scalar_one() == 9
    database.dispose()


def test_only_admins_may(replica: Replica, person: Account) -> None:
    assert refusal(lambda: overview(replica, person)) == (grpc.StatusCode.PERMISSION_DENIED, "ADMIN_REQUIRED")
