"""Signing in and out, changing the password, and which tokens count afterwards."""

import datetime
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import bcrypt
import grpc
import pytest
from sqlalchemy import func, select, text, update

from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.errors import reason_of
from services.chassis.postgres.database import Database
from services.chassis.throttling.attempts import bucket_key
from services.identity.accounts.known_networks import MOST, remember
from services.identity.passwords.hashes import hash_password, verify_password
from services.identity.tables import accounts, attempts, audit, known_networks
from tests.service.identity.conftest import CHEAP_ROUNDS
from tests.service.identity.replicas import PASSWORD, Account, Callers, Clock, refusal, sign_in, sign_up
from tests.support.waiting import wait_until

WRONG = (grpc.StatusCode.UNAUTHENTICATED, "WRONG_CREDENTIALS")


def counts(callers: Callers, account: Account) -> bool:
    """Whether the account's token is let in; a refusal must be that it was revoked."""
    try:
        callers.gateway.GetMe(pb.GetMeRequest(), metadata=account.bearer)
    except grpc.RpcError as error:
        if reason_of(error) != "TOKEN_REVOKED":
            raise
        return False
    return True


def again(callers: Callers, account: Account, password: str = PASSWORD) -> Account:
    return sign_in(callers, account.id, account.email, password)


def sign_out(callers: Callers, account: Account) -> None:
    assert callers.gateway.Logout(pb.LogoutRequest(), metadata=account.bearer).status == "ok"


def test_the_case_of_the_email_does_not_matter(callers: Callers, person: Account) -> None:
    answer = callers.gateway.Login(pb.LoginRequest(email="PERSON@example.COM", password=PASSWORD))
    assert answer.token_type == "bearer"
    assert len(answer.access_token) <= 153


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("person@example.com", PASSWORD + " "),
        ("person@example.com", PASSWORD.upper()),
        ("nobody@example.com", PASSWORD),
        ("no address", PASSWORD),
    ],
)
def test_an_unknown_email_and_a_wrong_password_get_the_same_answer(
    callers: Callers, person: Account, email: str, password: str
) -> None:
    request = pb.LoginRequest(email=email, password=password)
    with pytest.raises(grpc.RpcError) as refused:
        callers.gateway.Login(request)
    assert refusal(lambda: callers.gateway.Login(request)) == WRONG
    assert refused.value.details() == "邮箱或密码错误"


@pytest.mark.parametrize(("email", "password"), [("", ""), ("person@example.com", ""), ("", PASSWORD)])
def test_an_empty_field_is_bad_input(callers: Callers, email: str, password: str) -> None:
    request = pb.LoginRequest(email=email, password=password)
    assert refusal(lambda: callers.gateway.Login(request)) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_ARGUMENT",
    )


def test_a_password_that_is_too_long_or_has_control_characters_is_bad_input(callers: Callers) -> None:
    for password in ("x" * 129, "nul\0", "escape\x1b"):
        request = pb.LoginRequest(email="person@example.com", password=password)
        code, _ = refusal(lambda request=request: callers.gateway.Login(request))  # type: ignore[misc]
        assert code is grpc.StatusCode.INVALID_ARGUMENT


def test_sign_ins_leave_each_others_tokens_valid(callers: Callers, person: Account) -> None:
    second = again(callers, person)
    assert counts(callers, person)
    assert counts(callers, second)


def test_many_right_sign_ins_of_one_account_at_once_all_succeed(callers: Callers, person: Account) -> None:
    with ThreadPoolExecutor(12) as pool:
        signed_in = list(pool.map(lambda _: again(callers, person), range(12)))
    assert all(counts(callers, account) for account in signed_in)


def test_a_logout_ends_all_tokens_and_no_other_accounts(
    callers: Callers, person: Account, admin: Account
) -> None:
    second = again(callers, person)
    sign_out(callers, second)
    assert not counts(callers, person)
    assert not counts(callers, second)
    assert counts(callers, admin)


def test_within_one_second_each_sign_in_counts_and_each_logout_ends_what_was_before(
    callers: Callers, person: Account, clock: Clock
) -> None:
    clock.stop()
    ended = []
    current = again(callers, person)
    for _ in range(4):
        assert counts(callers, current)
        twin = again(callers, person)
        sign_out(callers, current)
        ended += [current, twin]
        current = again(callers, person)
        assert counts(callers, current)
        assert not any(counts(callers, account) for account in ended)
    clock.advance(seconds=1)
    assert counts(callers, current)
    assert counts(callers, again(callers, person))
    assert not any(counts(callers, account) for account in ended)


def test_a_logout_reaches_tokens_of_a_replica_whose_clock_is_ahead(
    callers: Callers, person: Account, clock: Clock
) -> None:
    clock.advance(seconds=20)
    from_ahead = again(callers, person)
    clock.advance(seconds=-20)
    assert counts(callers, from_ahead)
    sign_out(callers, again(callers, person))
    assert not counts(callers, from_ahead)
    assert counts(callers, again(callers, person))


def test_a_repeated_logout_moves_nothing(callers: Callers, person: Account, database: Database) -> None:
    statement = select(accounts.c.tokens_valid_after).where(accounts.c.email == person.email)
    threads = 8
    ready = threading.Barrier(threads)

    def end(_: int) -> bool:
        ready.wait(10)
        try:
            sign_out(callers, person)
        except grpc.RpcError:
            # Another one was faster and ended the token.
            return False
        return True

    with ThreadPoolExecutor(threads) as pool:
        assert any(pool.map(end, range(threads)))
    with database.reading() as connection:
        newest = connection.execute(select(accounts.c.newest_token)).scalar_one()
        assert connection.execute(statement).scalar_one() == newest
        ends = select(audit.log.c.id).where(audit.log.c.action == "signed_out")
        assert len(connection.execute(ends).all()) == 1


def test_a_new_password_ends_all_tokens_and_the_old_password(callers: Callers, person: Account) -> None:
    second = again(callers, person)
    request = pb.ChangePasswordRequest(old_password=PASSWORD, new_password="a new one")
    assert callers.gateway.ChangePassword(request, metadata=second.bearer).status == "ok"
    assert not counts(callers, person)
    assert not counts(callers, second)
    assert refusal(lambda: again(callers, person)) == WRONG
    assert counts(callers, again(callers, person, "a new one"))


def test_a_password_is_changed_only_by_whoever_knows_the_old_one(callers: Callers, person: Account) -> None:
    wrong = pb.ChangePasswordRequest(old_password="not it", new_password="a new one")
    assert refusal(lambda: callers.gateway.ChangePassword(wrong, metadata=person.bearer)) == WRONG
    short = pb.ChangePasswordRequest(old_password=PASSWORD, new_password="five5")
    code, _ = refusal(lambda: callers.gateway.ChangePassword(short, metadata=person.bearer))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert counts(callers, person)
    assert counts(callers, again(callers, person))


def test_of_two_password_changes_at_once_only_one_finds_the_old_password(
    callers: Callers, person: Account
) -> None:
    def change(new: str) -> str | None:
        request = pb.ChangePasswordRequest(old_password=PASSWORD, new_password=new)
        try:
            callers.gateway.ChangePassword(request, metadata=person.bearer)
        except grpc.RpcError:
            return None
        return new

    with ThreadPoolExecutor(4) as pool:
        succeeded = [new for new in pool.map(change, ["first!", "second", "third!", "fourth"]) if new]
    assert len(succeeded) == 1
    assert counts(callers, again(callers, person, succeeded[0]))


def test_a_password_that_is_changed_while_it_is_compared_lets_nobody_in_and_counts_as_no_guess(
    callers: Callers, person: Account, database: Database
) -> None:
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    wrong = bucket_key("account at network", person.email, "127.0.0.1")
    guesses = select(func.count()).select_from(attempts).where(attempts.c.bucket == wrong).scalar_subquery()
    left = select(guesses, func.count(known_networks.c.network))
    with ThreadPoolExecutor(1) as pool, database.reading() as watcher:
        before = watcher.execute(left).one()
        with database.transaction() as other:
            other.execute(update(accounts).values(password_hash="another"))
            outcome = pool.submit(refusal, lambda: again(callers, person))
            wait_until(lambda: watcher.execute(waiting).scalar_one() == 1)
        assert outcome.result(10) == WRONG
        assert watcher.execute(left).one() == before


def test_of_an_accounts_networks_the_last_used_are_kept(
    callers: Callers, person: Account, database: Database, clock: Clock
) -> None:
    with database.transaction() as connection:
        for number in range(MOST + 5):
            now = clock.now() + datetime.timedelta(minutes=number)
            remember(connection, uuid.UUID(person.id), f"2001:db8:0:{number:x}::/64", now)
    clock.advance(days=1, minutes=MOST + 10)
    again(callers, person)
    with database.reading() as connection:
        kept = list(
            connection.scalars(select(known_networks.c.network).order_by(known_networks.c.last_used.desc()))
        )
    assert kept[1:] == [f"2001:db8:0:{number:x}::/64" for number in range(MOST + 4, 5, -1)]


@pytest.mark.real_hashing
@pytest.mark.parametrize("kind", ["passlib's pbkdf2-sha256", "bcrypt"])
def test_an_older_hash_lets_in_and_is_replaced_at_the_next_sign_in(
    callers: Callers, person: Account, database: Database, kind: str
) -> None:
    stored = hash_password(PASSWORD, b"0123456789", rounds=29_000)
    if kind == "bcrypt":
        stored = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    with database.transaction() as connection:
        connection.execute(update(accounts).values(password_hash=stored))
    assert refusal(lambda: again(callers, person, "not it")) == WRONG
    with database.reading() as connection:
        assert connection.execute(select(accounts.c.password_hash)).scalar_one() == stored
    upgraded = again(callers, person)
    with database.reading() as connection:
        assert (
            connection.execute(select(accounts.c.password_hash))
            .scalar_one()
            .startswith("$pbkdf2-sha256$600000$")
        )
    assert counts(callers, person)
    assert counts(callers, upgraded)
    assert counts(callers, again(callers, person))


@pytest.mark.parametrize("stored", ["!", "$2b$31$NT0I31Sa7ihGEWpka9ASYeEFkhuTNeBQ2xfZskIiiJeyFXhRgS.Sy"])
def test_an_unusable_hash_lets_nobody_in(
    callers: Callers, person: Account, database: Database, stored: str
) -> None:
    with database.transaction() as connection:
        connection.execute(update(accounts).values(password_hash=stored))
    assert refusal(lambda: again(callers, person)) == WRONG


def test_a_token_ends_after_its_minutes(callers: Callers, person: Account, clock: Clock) -> None:
    clock.advance(minutes=1439)
    assert counts(callers, person)
    clock.advance(minutes=1, seconds=1)
    refused = refusal(lambda: callers.gateway.GetMe(pb.GetMeRequest(), metadata=person.bearer))
    assert refused == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED")


COMPOSED, DECOMPOSED = "passwörd 密码", "passwo\u0308rd\u00a0密码"


def test_a_password_is_the_same_however_a_keyboard_composes_it(callers: Callers) -> None:
    for number, (registered, typed) in enumerate(
        [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED), (DECOMPOSED, DECOMPOSED)]
    ):
        someone = sign_up(callers, f"typist{number}@example.com", registered)
        assert counts(callers, again(callers, someone, typed))
        assert refusal(lambda someone=someone: again(callers, someone, "passwörd")) == WRONG  # type: ignore[misc]


def test_a_hash_of_a_password_as_it_was_typed_lets_in_and_is_replaced(
    callers: Callers, person: Account, database: Database
) -> None:
    stored = hash_password(DECOMPOSED, b"0123456789abcdef", CHEAP_ROUNDS)
    with database.transaction() as connection:
        connection.execute(update(accounts).values(password_hash=stored))
    assert refusal(lambda: again(callers, person, COMPOSED)) == WRONG
    assert counts(callers, again(callers, person, DECOMPOSED))
    assert counts(callers, again(callers, person, COMPOSED))
    with database.reading() as connection:
        replaced = connection.execute(select(accounts.c.password_hash)).scalar_one()
    assert verify_password(COMPOSED, replaced)


def test_a_password_with_joined_emoji_is_taken(callers: Callers) -> None:
    family = "👩\u200d👩\u200d👧 family"
    assert counts(callers, again(callers, sign_up(callers, "family@example.com", family), family))
