"""Second factors: each code counts once, and nothing shows before the right password."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import grpc
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, text, update

from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.errors import reason_of
from services.chassis.postgres.database import Database
from services.identity.tables import accounts, audit, recovery_codes
from tests.service.identity.conftest import Replica
from tests.service.identity.logins import EMAIL
from tests.service.identity.replicas import (
    ADMIN_EMAIL,
    ADMIN_PASSWORD,
    Account,
    Callers,
    Clock,
    refusal,
    sign_in,
    sign_up,
)
from tests.service.identity.second_factors import (
    FAILED,
    HOME,
    KEY,
    UNAUTHENTICATED,
    confirm,
    disable,
    enable,
    enrol,
    entries,
    login,
    reset_by_link,
)
from tests.support.waiting import wait_until


@pytest.fixture
def callers(start_replica: Callable[..., Replica], clock: Clock) -> Callers:
    # Codes of the same 30 seconds are used up, so tests move the time.
    clock.stop()
    return start_replica(totp_keys=KEY).callers


@pytest.fixture
def person(callers: Callers) -> Account:
    return sign_up(callers, EMAIL)


def test_a_sign_in_needs_the_code_from_its_confirmation_on(
    callers: Callers, person: Account, clock: Clock, database: Database
) -> None:
    app = enrol(callers, person, clock)
    assert login(callers) is None
    me = pb.GetMeRequest()
    assert not callers.gateway.GetMe(me, metadata=person.bearer).HasField("has_second_factor")
    codes = confirm(callers, person, app.code())
    assert len(set(codes)) == 10
    assert all(re.fullmatch("([a-z2-7]{4}-){3}[a-z2-7]{4}", code) for code in codes)
    # The session in which it was enabled goes on.
    assert callers.gateway.GetMe(me, metadata=person.bearer).has_second_factor
    clock.advance(seconds=30)
    for without in (None, ""):
        assert login(callers, without) == "SECOND_FACTOR_NEEDED"
    assert login(callers, f" {app.code()[:3]} {app.code()[3:]} ") is None
    assert ("sign_in", "ok", '{"second_factor": "totp"}') in entries(database)
    assert ("sign_in", "SECOND_FACTOR_NEEDED", "{}") in entries(database)
    assert ("second_factor_enrolled", "ok", "{}") in entries(database)
    assert ("second_factor_enabled", "ok", "{}") in entries(database)


def test_before_the_password_is_right_nothing_tells_of_a_second_factor(
    callers: Callers, person: Account, clock: Clock
) -> None:
    app, codes = enable(callers, person, clock)
    for totp in (None, "000000", app.code(), codes[0]):
        assert login(callers, totp, password="wrong") == "WRONG_CREDENTIALS"
    # They were not used up either.
    assert login(callers, app.code()) is None
    assert login(callers, codes[0]) is None


def test_a_code_counts_once_and_so_does_each_before_it(
    callers: Callers, person: Account, clock: Clock
) -> None:
    app = enrol(callers, person, clock)
    used = app.code()
    confirm(callers, person, used)
    assert login(callers, used) == "WRONG_SECOND_FACTOR"
    clock.advance(seconds=60)
    early, late = app.code(-1), app.code(1)
    assert login(callers, late) is None
    for code in (early, app.code(), late):
        assert login(callers, code) == "WRONG_SECOND_FACTOR"
    clock.advance(seconds=30)
    assert login(callers, late) == "WRONG_SECOND_FACTOR"
    assert login(callers, app.code(1)) is None


@pytest.mark.parametrize(("steps", "is_right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_codes_of_the_neighbouring_half_minutes_count(
    callers: Callers, person: Account, clock: Clock, steps: int, is_right: bool
) -> None:
    app, _ = enable(callers, person, clock)
    clock.advance(minutes=5)
    assert (login(callers, app.code(steps)) is None) == is_right


def test_of_many_sign_ins_with_one_code_at_once_one_succeeds(
    callers: Callers, start_replica: Callable[..., Replica], person: Account, clock: Clock
) -> None:
    app, codes = enable(callers, person, clock)
    both = [callers, start_replica(totp_keys=KEY).callers]
    for code in (app.code(), codes[3]):
        together = Barrier(6)

        def use(number: int, code: str = code, together: Barrier = together) -> str | None:
            together.wait(10)
            return login(both[number % 2], code)

        with ThreadPoolExecutor(6) as pool:
            outcomes = list(pool.map(use, range(6)))
        assert sorted(outcomes, key=str) == [None, *["WRONG_SECOND_FACTOR"] * 5]


def test_each_recovery_code_counts_once_and_only_for_its_account(
    callers: Callers, person: Account, clock: Clock, database: Database
) -> None:
    other = sign_up(callers, "other@example.com")
    _, of_other = enable(callers, other, clock)
    _, codes = enable(callers, person, clock)
    assert login(callers, of_other[0]) == "WRONG_SECOND_FACTOR"
    assert login(callers, codes[0].upper().replace("-", " ")) is None
    assert login(callers, codes[0]) == "WRONG_SECOND_FACTOR"
    assert login(callers, codes[1]) is None
    details = '{"second_factor": "recovery_code", "recovery_codes_left": "8"}'
    assert ("sign_in", "ok", details) in entries(database)
    with database.reading() as connection:
        stored = [*connection.execute(select(recovery_codes)), *connection.execute(select(audit.log))]
    assert not [code for code in codes if code in str(stored) or code.replace("-", "") in str(stored)]


def test_a_second_factor_is_not_replaced_but_disabled_first(
    callers: Callers, person: Account, clock: Clock, database: Database
) -> None:
    app, _ = enable(callers, person, clock)
    enabled = (FAILED, "SECOND_FACTOR_ENABLED")
    assert refusal(lambda: enrol(callers, person, clock)) == enabled
    assert refusal(lambda: confirm(callers, person, app.code())) == enabled
    wrong = (UNAUTHENTICATED, "WRONG_CREDENTIALS")
    assert refusal(lambda: disable(callers, person, app.code(), "not the password")) == wrong
    assert refusal(lambda: disable(callers, person, "123456")) == (UNAUTHENTICATED, "WRONG_SECOND_FACTOR")
    assert login(callers) == "SECOND_FACTOR_NEEDED"
    disable(callers, person, app.code())
    assert login(callers) is None
    assert refusal(lambda: disable(callers, person, app.code(1))) == (FAILED, "SECOND_FACTOR_NOT_ENROLLED")
    assert ("second_factor_disabled", "WRONG_CREDENTIALS", "{}") in entries(database)
    assert ("second_factor_disabled", "WRONG_SECOND_FACTOR", "{}") in entries(database)
    assert ("second_factor_disabled", "ok", '{"second_factor": "totp"}') in entries(database)


def test_a_code_of_a_factor_that_is_removed_during_the_sign_in_does_not_count(
    callers: Callers, person: Account, clock: Clock, database: Database
) -> None:
    app, _ = enable(callers, person, clock)
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with ThreadPoolExecutor(1) as pool, database.reading() as watcher:
        with database.transaction() as other:
            # The secret stays, as after a new enrolment that is not confirmed.
            other.execute(update(accounts).values(totp_confirmed_at=None))
            outcome = pool.submit(login, callers, app.code())
            wait_until(lambda: watcher.execute(waiting).scalar_one() == 1)
        assert outcome.result(10) == "WRONG_SECOND_FACTOR"


def test_after_a_second_enrolment_nothing_of_the_first_counts(
    callers: Callers, person: Account, clock: Clock
) -> None:
    former, former_codes = enable(callers, person, clock)
    disable(callers, person, former_codes[0])
    abandoned = enrol(callers, person, clock)
    app = enrol(callers, person, clock)
    for code in (former.code(), abandoned.code()):
        assert refusal(lambda code=code: confirm(callers, person, code)) == (  # type: ignore[misc]
            UNAUTHENTICATED,
            "WRONG_SECOND_FACTOR",
        )
    confirm(callers, person, app.code())
    clock.advance(seconds=30)
    for useless in (former.code(), abandoned.code(), *former_codes[:3]):
        assert login(callers, useless) == "WRONG_SECOND_FACTOR"
    assert login(callers, app.code()) is None


def test_nothing_is_confirmed_that_was_not_begun(callers: Callers, person: Account) -> None:
    assert refusal(lambda: confirm(callers, person, "123456")) == (FAILED, "SECOND_FACTOR_NOT_ENROLLED")


def test_of_two_confirmations_at_once_one_gets_the_recovery_codes(
    callers: Callers, person: Account, clock: Clock, database: Database
) -> None:
    app = enrol(callers, person, clock)
    together = Barrier(4)

    def use(_: int) -> int | str | None:
        together.wait(10)
        try:
            return len(confirm(callers, person, app.code()))
        except grpc.RpcError as error:
            return reason_of(error)

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(use, range(4)))
    assert sorted(outcomes, key=str) == [10, *["SECOND_FACTOR_ENABLED"] * 3]
    with database.reading() as connection:
        assert len(connection.execute(select(recovery_codes)).all()) == 10


def test_a_password_link_does_not_take_the_second_factor_off(
    callers: Callers, replica_admin: Account, person: Account, clock: Clock
) -> None:
    app, _ = enable(callers, person, clock)
    reset_by_link(callers, replica_admin, person, HOME, "a new password")
    assert login(callers, password="a new password") == "SECOND_FACTOR_NEEDED"
    assert login(callers, app.code(), password="a new password") is None


def test_the_secret_is_encrypted_and_goes_with_its_account(
    callers: Callers, replica_admin: Account, person: Account, clock: Clock, database: Database
) -> None:
    app, _ = enable(callers, person, clock)
    with database.reading() as connection:
        stored = connection.execute(
            select(accounts.c.totp_secret).where(accounts.c.totp_secret.is_not(None))
        ).scalar_one()
    assert app.secret.encode() not in stored
    assert Fernet(KEY).decrypt(stored) == app.secret.encode()
    callers.gateway.DeleteUser(pb.DeleteUserRequest(user_id=person.id), metadata=replica_admin.bearer)
    with database.reading() as connection:
        assert connection.execute(select(recovery_codes)).all() == []
    sign_up(callers, EMAIL)


def test_without_keys_nothing_is_set_up_and_nobody_gets_in_without_the_code(
    callers: Callers, start_replica: Callable[..., Replica], person: Account, clock: Clock
) -> None:
    app, codes = enable(callers, person, clock)
    bare = start_replica().callers
    other = sign_up(bare, "other@example.com")
    unavailable = (FAILED, "SECOND_FACTOR_UNAVAILABLE")
    assert refusal(lambda: enrol(bare, other, clock)) == unavailable
    assert login(bare) == "SECOND_FACTOR_NEEDED"
    assert login(bare, app.code()) == "SECOND_FACTOR_UNAVAILABLE"
    assert login(bare, codes[0]) is None


@pytest.fixture
def replica_admin(callers: Callers, database: Database, start_replica: Callable[..., Replica]) -> Account:
    """The admin, at the replicas with keys."""
    made = start_replica(totp_keys=KEY).identity.administration.create(ADMIN_EMAIL, ADMIN_PASSWORD, "admin")
    return sign_in(callers, str(made.id), ADMIN_EMAIL, ADMIN_PASSWORD)


def test_where_it_is_required_an_admin_may_only_set_it_up(
    start_replica: Callable[..., Replica], clock: Clock
) -> None:
    clock.stop()
    replica = start_replica(totp_keys=KEY, require_admin_totp=True)
    callers = replica.callers
    made = replica.identity.administration.create(ADMIN_EMAIL, ADMIN_PASSWORD, "admin")
    admin = sign_in(callers, str(made.id), ADMIN_EMAIL, ADMIN_PASSWORD)
    person = sign_up(callers, EMAIL)

    def list_users() -> object:
        return callers.gateway.ListUsers(pb.ListUsersRequest(), metadata=admin.bearer)

    required = (grpc.StatusCode.PERMISSION_DENIED, "SECOND_FACTOR_REQUIRED")
    assert refusal(list_users) == required
    asked = pb.AuthenticateRequest(token=admin.token)
    assert callers.activation.Authenticate(asked).principal.lacks_second_factor
    # It is for admins only: others are not asked for one, and are refused as before.
    asked_user = pb.AuthenticateRequest(token=person.token)
    assert not callers.activation.Authenticate(asked_user).principal.lacks_second_factor
    refused = refusal(lambda: callers.gateway.ListUsers(pb.ListUsersRequest(), metadata=person.bearer))
    assert refused == (grpc.StatusCode.PERMISSION_DENIED, "ADMIN_REQUIRED")

    app, _ = enable(callers, admin, clock)
    list_users()
    assert not callers.activation.Authenticate(asked).principal.lacks_second_factor
    disable(callers, admin, app.code(), ADMIN_PASSWORD)
    assert refusal(list_users) == required
