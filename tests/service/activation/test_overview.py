"""GetOverview: codes by effective state, the newest batches, the redemptions of the last 30 days."""

import datetime

import grpc
import pytest
from sqlalchemy import text

from fastmp.activation.v1 import activation_service_pb2 as pb
from services.activation.api.messages import timestamp_of
from services.chassis.postgres.database import Database
from tests.service.activation.replicas import Replica, refusal
from tests.service.activation.scripted_identity import Account, World
from tests.service.identity.replicas import Clock

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

    assert list(seen.batches) == list(replica.batches(admin, size=10).items)
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


def test_only_admins_may(replica: Replica, person: Account) -> None:
    assert refusal(lambda: overview(replica, person)) == (grpc.StatusCode.PERMISSION_DENIED, "ADMIN_REQUIRED")
