"""Deleting an account deletes its codes: once, and also when this service was down or failed meanwhile."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import grpc
import pytest
from sqlalchemy import text

from services.chassis.grpc_server.probe import serves
from services.chassis.mutual_tls import TlsFiles
from services.chassis.postgres.database import Database
from tests.service.activation.replicas import Replica, refused, running
from tests.service.clocks import CurrentClock
from tests.service.scripted_identity import Account, RunningIdentity, World
from tests.support.waiting import wait_until

Start = Callable[[], Replica]


@pytest.fixture
def replicas() -> Iterator[ExitStack]:
    """Closing it stops the replicas that the test has started."""
    with ExitStack() as held:
        yield held


@pytest.fixture
def start(
    replicas: ExitStack,
    database_url: str,
    certificates: Mapping[str, TlsFiles],
    identity: RunningIdentity,
    current_clock: CurrentClock,
) -> Start:
    return lambda: replicas.enter_context(
        running(database_url, certificates, identity.address, current_clock)
    )


def redeemed(replica: Replica, world: World, admin: Account) -> tuple[Account, str]:
    account, code = world.add(), replica.new_code(admin)
    replica.activate(account, code)
    return account, code


def codes_in(database: Database) -> set[str]:
    with database.reading() as connection:
        return set(connection.execute(text("SELECT activation_code FROM activation_codes")).scalars())


def cursor_of(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(text("SELECT sequence FROM feed_cursor")).scalar_one())


def test_a_deleted_account_takes_its_codes_along_and_no_others(
    start: Start, world: World, admin: Account, database: Database
) -> None:
    replica = start()
    (gone, its_code), (_, other) = redeemed(replica, world, admin), redeemed(replica, world, admin)
    second = replica.new_code(admin)
    replica.activate(gone, second)
    unused = replica.new_code(admin)

    world.delete(gone.id)

    wait_until(lambda: its_code not in codes_in(database))
    assert second not in codes_in(database)
    assert {other, unused} <= codes_in(database)


def test_accounts_deleted_while_no_replica_ran_are_caught_up_on(
    start: Start, replicas: ExitStack, world: World, admin: Account, database: Database
) -> None:
    replica = start()
    pairs = [redeemed(replica, world, admin) for _ in range(5)]
    replicas.close()
    for account, _ in pairs[:4]:
        world.delete(account.id)
    before = codes_in(database)

    start()

    wait_until(lambda: cursor_of(database) == len(world.feed))
    assert before - codes_in(database) == {code for _, code in pairs[:4]}


def test_two_replicas_follow_one_feed_together(
    start: Start, world: World, admin: Account, database: Database
) -> None:
    first = start()
    start()
    pairs = [redeemed(first, world, admin) for _ in range(20)]

    for account, _ in pairs:
        world.delete(account.id)

    wait_until(lambda: cursor_of(database) == len(world.feed))
    assert not codes_in(database) & {code for _, code in pairs}


def test_a_cascade_that_failed_half_way_is_made_up_for(
    start: Start, world: World, admin: Account, database: Database
) -> None:
    replica = start()
    account, code = redeemed(replica, world, admin)
    wait_until(lambda: cursor_of(database) == len(world.feed))
    before = cursor_of(database)
    _let_deletions_fail(database)
    world.delete(account.id)
    with pytest.raises(AssertionError):
        wait_until(lambda: cursor_of(database) > before or code not in codes_in(database), seconds=1)

    with database.transaction() as connection:
        connection.execute(text("DROP TRIGGER no_deletion ON activation_codes"))

    wait_until(lambda: code not in codes_in(database))
    wait_until(lambda: cursor_of(database) == len(world.feed))


def test_a_subscriber_too_far_behind_deletes_what_belongs_to_nobody(
    start: Start, replicas: ExitStack, world: World, admin: Account, database: Database
) -> None:
    replica = start()
    pairs = [redeemed(replica, world, admin) for _ in range(5)]
    unused = replica.new_code(admin)
    replicas.close()
    for account, _ in pairs[:3]:
        world.delete(account.id)
    world.prune()
    before = codes_in(database)

    replica = start()

    wait_until(lambda: cursor_of(database) == len(world.feed))
    assert before - codes_in(database) == {code for _, code in pairs[:3]}
    assert unused in codes_in(database)
    world.delete(pairs[3][0].id)
    wait_until(lambda: pairs[3][1] not in codes_in(database))


def test_without_identity_the_service_stays_ready_and_says_who_is_missing(
    start: Start, admin: Account, identity: RunningIdentity, certificates: Mapping[str, TlsFiles]
) -> None:
    replica = start()
    wait_until(lambda: _is_serving(replica, certificates))
    identity.down()
    try:
        wait_until(lambda: _fails_for_want_of_identity(replica, admin))
        assert _is_serving(replica, certificates)
    finally:
        identity.up()
    wait_until(lambda: not _fails_for_want_of_identity(replica, admin))


def test_a_service_that_comes_up_before_identity_is_ready_when_its_first_call_is_answered(
    start: Start,
    admin: Account,
    identity: RunningIdentity,
    certificates: Mapping[str, TlsFiles],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.chassis.identity.feed_follower.FIRST_WAIT_SECONDS", 600.0)
    identity.down()
    try:
        replica = start()
        # While it starts, too, it answers on its port.
        wait_until(lambda: _fails_for_want_of_identity(replica, admin))
        assert not _is_serving(replica, certificates)
    finally:
        identity.up()
    wait_until(lambda: _is_serving(replica, certificates))
    replica.list(admin)


def _is_serving(replica: Replica, certificates: Mapping[str, TlsFiles]) -> bool:
    address = f"127.0.0.1:{replica.activation.server.operations_port}"
    return serves("activation", address, certificates["ops"], timeout_seconds=5)


def _fails_for_want_of_identity(replica: Replica, admin: Account) -> bool:
    try:
        replica.list(admin)
    except grpc.RpcError as error:
        return refused(error) == (grpc.StatusCode.UNAVAILABLE, "IDENTITY_UNAVAILABLE")
    return False


def _let_deletions_fail(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(
            text(
                "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '40001'; END $$"
            )
        )
        connection.execute(
            text("CREATE TRIGGER no_deletion BEFORE DELETE ON activation_codes EXECUTE FUNCTION refuse()")
        )
