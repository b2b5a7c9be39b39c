"""Password links: they set one account's password once, within a day, and tell a guesser nothing."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import grpc
import pytest
from sqlalchemy import select

from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.errors import reason_of
from services.chassis.postgres.database import Database
from services.identity.tables import audit, password_links
from tests.service.identity.conftest import Replica
from tests.service.identity.logins import from_address, login
from tests.service.identity.replicas import (
    ADMIN_PASSWORD,
    PASSWORD,
    Account,
    Callers,
    Clock,
    refusal,
    sign_in,
    sign_up,
)
from tests.support.waiting import wait_until

INVALID = (grpc.StatusCode.FAILED_PRECONDITION, "PASSWORD_LINK_INVALID")
NEW = "a new password"
HOME = "203.0.113.7"
PUBLIC_URL = "https://fastmp.example"


def link(callers: Callers, by: Account, to: Account) -> pb.CreatePasswordLinkResponse:
    return callers.gateway.CreatePasswordLink(pb.CreatePasswordLinkRequest(user_id=to.id), metadata=by.bearer)


def ticket_for(callers: Callers, by: Account, to: Account) -> str:
    return link(callers, by, to).url.rpartition("/")[2]


def reset(callers: Callers, ticket: str, new: str = NEW, address: str = HOME) -> None:
    request = pb.ResetPasswordRequest(ticket=ticket, new_password=new)
    callers.gateway.ResetPassword(request, metadata=from_address(address))


def assert_useless(callers: Callers, ticket: str) -> None:
    assert refusal(lambda: reset(callers, ticket, "never set")) == INVALID


def entries(database: Database, action: str) -> list[tuple[str, str, str, str]]:
    log = audit.log.c
    with database.reading() as connection:
        rows = connection.execute(
            select(log.actor, log.target, log.outcome, log.details)
            .where(log.action == action)
            .order_by(log.id)
        )
        return [(row.actor, row.target, row.outcome, json.dumps(row.details)) for row in rows]


def test_a_link_sets_the_password_once_and_ends_every_token(
    callers: Callers, admin: Account, person: Account, database: Database, clock: Clock
) -> None:
    made = link(callers, admin, person)
    page, _, ticket = made.url.rpartition("/")
    # The fragment, which browsers send to no server. Without PUBLIC_URL it is relative to the gateway's address.
    assert page == "/#/new-password"
    assert len(ticket) >= 43
    assert 23.9 * 3600 < made.expire_time.seconds - clock.now().timestamp() <= 24 * 3600
    reset(callers, ticket)
    refused = refusal(lambda: callers.gateway.GetMe(pb.GetMeRequest(), metadata=person.bearer))
    assert refused == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REVOKED")
    assert login(callers, HOME, PASSWORD) == "WRONG_CREDENTIALS"
    sign_in(callers, person.id, person.email, NEW)
    assert_useless(callers, ticket)
    (created,) = entries(database, "password_link_created")
    assert created[:3] == (admin.id, person.id, "ok")
    used, wrong = entries(database, "password_reset_with_link")
    assert used == (person.id, person.id, "ok", '{"password": "new"}')
    assert wrong == ("service:gateway", "", "PASSWORD_LINK_INVALID", "{}")


def test_the_ticket_is_stored_nowhere(
    callers: Callers, admin: Account, person: Account, database: Database
) -> None:
    ticket = ticket_for(callers, admin, person)
    with database.reading() as connection:
        stored = [*connection.execute(select(password_links)), *connection.execute(select(audit.log))]
    assert len(stored) > 1
    assert ticket not in str(stored)
    reset(callers, ticket)
    with database.reading() as connection:
        assert connection.execute(select(password_links)).all() == []
        assert ticket not in str(connection.execute(select(audit.log)).all())


def test_the_address_in_the_link_is_the_setting_whatever_host_the_caller_names(
    start_replica: Callable[..., Replica],
) -> None:
    replica = start_replica(public_url=PUBLIC_URL + "/")
    made = replica.identity.administration.create("a@example.com", ADMIN_PASSWORD, "admin")
    admin = sign_in(replica.callers, str(made.id), "a@example.com", ADMIN_PASSWORD)
    request = pb.CreatePasswordLinkRequest(user_id=admin.id)
    hostile = (*admin.bearer, ("host", "evil.example"), ("x-forwarded-host", "evil.example"))
    url = replica.callers.gateway.CreatePasswordLink(request, metadata=hostile).url
    assert url.startswith(f"{PUBLIC_URL}/#/new-password/")


def test_tickets_that_do_not_work_all_get_one_answer(
    callers: Callers, admin: Account, person: Account, clock: Clock
) -> None:
    replaced = ticket_for(callers, admin, person)
    newest = ticket_for(callers, admin, person)
    for useless in ("", "unknown", "x" * 128, "张三", replaced, newest[:-1], newest + "A"):
        assert_useless(callers, useless)
    clock.advance(hours=24, seconds=1)
    assert_useless(callers, newest)
    assert login(callers, HOME, PASSWORD) is None


def test_a_link_works_until_its_last_minute_and_for_its_own_account_only(
    callers: Callers, admin: Account, person: Account, clock: Clock
) -> None:
    other = sign_up(callers, "other@example.com")
    ticket = ticket_for(callers, admin, other)
    clock.advance(hours=23, minutes=59)
    reset(callers, ticket)
    sign_in(callers, other.id, other.email, NEW)
    sign_in(callers, person.id, person.email)


def test_a_link_dies_with_its_account(callers: Callers, admin: Account, person: Account) -> None:
    ticket = ticket_for(callers, admin, person)
    callers.gateway.DeleteUser(pb.DeleteUserRequest(user_id=person.id), metadata=admin.bearer)
    again = sign_up(callers, person.email)
    assert_useless(callers, ticket)
    gone = refusal(lambda: link(callers, admin, person))
    assert gone == (grpc.StatusCode.NOT_FOUND, "ACCOUNT_NOT_FOUND")
    sign_in(callers, again.id, again.email)


@pytest.mark.parametrize("end", ["demoted", "deleted"])
def test_a_link_ends_with_the_role_of_the_admin_who_made_it(
    callers: Callers, admin: Account, person: Account, end: str
) -> None:
    former = sign_up(callers, "former@example.com", role="admin", by=admin)
    ticket = ticket_for(callers, former, person)
    if end == "demoted":
        demote = pb.UpdateUserRequest(user_id=former.id, role="user")
        callers.gateway.UpdateUser(demote, metadata=admin.bearer)
    else:
        callers.gateway.DeleteUser(pb.DeleteUserRequest(user_id=former.id), metadata=admin.bearer)
    assert_useless(callers, ticket)


@pytest.mark.parametrize("by", ["its owner", "an admin"])
def test_a_password_changed_in_another_way_ends_the_link(
    callers: Callers, admin: Account, person: Account, by: str
) -> None:
    ticket = ticket_for(callers, admin, person)
    if by == "its owner":
        change = pb.ChangePasswordRequest(old_password=PASSWORD, new_password=NEW)
        callers.gateway.ChangePassword(change, metadata=person.bearer)
    else:
        update = pb.UpdateUserRequest(user_id=person.id, password=NEW)
        callers.gateway.UpdateUser(update, metadata=admin.bearer)
    assert_useless(callers, ticket)
    sign_in(callers, person.id, person.email, NEW)


def test_a_refused_password_leaves_the_link_as_it_is(
    callers: Callers, admin: Account, person: Account
) -> None:
    ticket = ticket_for(callers, admin, person)
    for bad in ("five5", "", "x" * 129, "nul\0nul"):
        code, _ = refusal(lambda bad=bad: reset(callers, ticket, bad))  # type: ignore[misc]
        assert code is grpc.StatusCode.INVALID_ARGUMENT
    reset(callers, ticket)


def test_of_many_uses_at_once_one_wins_and_its_password_is_the_account_s(
    start_replica: Callable[..., Replica], replica: Replica, admin: Account, person: Account
) -> None:
    stubs = [replica.callers, start_replica().callers]
    for _ in range(4):
        ticket = ticket_for(replica.callers, admin, person)
        together = Barrier(8)

        def use(number: int, ticket: str = ticket, together: Barrier = together) -> str | None:
            together.wait(10)
            try:
                reset(stubs[number % 2], ticket, f"password {number}")
            except grpc.RpcError as error:
                return reason_of(error)
            return None

        with ThreadPoolExecutor(8) as pool:
            outcomes = list(pool.map(use, range(8)))
        assert sorted(outcomes, key=str) == [None, *["PASSWORD_LINK_INVALID"] * 7]
        sign_in(replica.callers, person.id, person.email, f"password {outcomes.index(None)}")


def test_a_use_and_a_deletion_at_once_never_fail_otherwise(
    callers: Callers, admin: Account, database: Database
) -> None:
    for number in range(6):
        person = sign_up(callers, f"person{number}@example.com")
        ticket = ticket_for(callers, admin, person)
        together = Barrier(3)

        def use(ticket: str = ticket, together: Barrier = together) -> str | None:
            together.wait(10)
            try:
                reset(callers, ticket)
            except grpc.RpcError as error:
                return reason_of(error)
            return None

        def replace(person: Account = person, together: Barrier = together) -> str | None:
            together.wait(10)
            try:
                link(callers, admin, person)
            except grpc.RpcError as error:
                return reason_of(error)
            return None

        with ThreadPoolExecutor(2) as pool:
            used, replaced = pool.submit(use), pool.submit(replace)
            together.wait(10)
            callers.gateway.DeleteUser(pb.DeleteUserRequest(user_id=person.id), metadata=admin.bearer)
            assert used.result() in {None, "PASSWORD_LINK_INVALID"}
            assert replaced.result() in {None, "ACCOUNT_NOT_FOUND"}
    with database.reading() as connection:
        assert connection.execute(select(password_links)).all() == []


def test_guesses_are_limited_by_network_and_hash_nothing(
    start_replica: Callable[..., Replica], monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = start_replica(sign_in_limit_per_address=5)
    made = replica.identity.administration.create("a@example.com", ADMIN_PASSWORD, "admin")
    admin = sign_in(replica.callers, str(made.id), "a@example.com", ADMIN_PASSWORD)
    ticket = ticket_for(replica.callers, admin, admin)
    with monkeypatch.context() as patched:
        # Fails if it is called.
        patched.setattr("services.identity.passwords.workers.HashingProcesses.hash", None)
        for _ in range(5):
            assert_useless(replica.callers, "guess")
        throttled = (grpc.StatusCode.RESOURCE_EXHAUSTED, "PASSWORD_RESET_THROTTLED")
        assert refusal(lambda: reset(replica.callers, ticket)) == throttled
        assert refusal(lambda: reset(replica.callers, "guess", address="203.0.113.8")) == INVALID
    reset(replica.callers, ticket, address="203.0.113.8")


def test_after_a_reset_earlier_wrong_guesses_block_the_owner_no_longer(
    start_replica: Callable[..., Replica],
) -> None:
    replica = start_replica(sign_in_limit_per_account=2, sign_in_limit_unknown_networks=3)
    made = replica.identity.administration.create("a@example.com", ADMIN_PASSWORD, "admin")
    admin = sign_in(replica.callers, str(made.id), "a@example.com", ADMIN_PASSWORD)
    owner = sign_up(replica.callers, "person@example.com")
    for address in (HOME, HOME, "203.0.113.8"):
        assert login(replica.callers, address, "wrong") == "WRONG_CREDENTIALS"
    assert login(replica.callers, HOME, PASSWORD) == "SIGN_IN_THROTTLED"
    reset(replica.callers, ticket_for(replica.callers, admin, owner))
    assert login(replica.callers, HOME, NEW) is None
    assert login(replica.callers, "203.0.113.9", NEW) is None


def test_links_that_are_too_old_are_removed(
    start_replica: Callable[..., Replica],
    callers: Callers,
    admin: Account,
    person: Account,
    database: Database,
    clock: Clock,
) -> None:
    link(callers, admin, person)
    clock.advance(hours=24, seconds=1)
    # Housekeeping is done at each start.
    start_replica()

    def is_empty() -> bool:
        with database.reading() as connection:
            return connection.execute(select(password_links)).all() == []

    wait_until(is_empty)
