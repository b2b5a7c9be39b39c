"""Claims: a code taken by one account, with its job, never without a guess left, and given up again."""

import datetime
import secrets
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import func, insert, select, text, update

from services.activation.codes.codes import get
from services.activation.redeeming import claims
from services.activation.redeeming.claims import Claim, Claims
from services.activation.redeeming.guessing import Guesser
from services.activation.tables import activation_codes, attempts
from services.chassis.postgres.database import Database
from tests.service.activation.bare_redemption import bare_claims, guessing
from tests.service.activation.replicas import Replica, at_once
from tests.service.scripted_identity import Account, World
from tests.support.waiting import wait_until

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
EMAIL = "person@example.com"


@pytest.fixture
def bare(database: Database, database_url: str) -> Claims:
    return bare_claims(database, database_url, lambda: NOW)


@pytest.fixture
def codes(replica: Replica, world: World) -> list[str]:
    return [code.activation_code for code in replica.generate(world.add("admin"), 4, valid_days=7)]


def new_guesser() -> Guesser:
    return Guesser(uuid.uuid4(), f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1")


def take(
    database: Database,
    bare: Claims,
    code: str,
    guesser: Guesser | None = None,
    now: datetime.datetime = NOW,
) -> Claim | None:
    with database.transaction() as connection:
        return bare.take(connection, code, guesser or new_guesser(), EMAIL, now)


def test_a_claim_binds_the_code_and_enqueues_its_job(
    database: Database, bare: Claims, codes: list[str]
) -> None:
    guesser = new_guesser()

    claim = take(database, bare, codes[0], guesser)

    until = NOW + datetime.timedelta(days=7)
    with database.reading() as connection:
        code = get(connection, codes[0])
        job = text("SELECT args->>'code_id' FROM procrastinate_jobs WHERE id = :id")
        assert claim is not None
        assert connection.scalar(job, {"id": claim.job_id}) == str(code.id)
    assert claim == Claim(code.id, guesser.account_id, codes[0], NOW, until, job_id=claim.job_id)
    assert (code.account_id, code.user_email, code.activation_status) == (guesser.account_id, EMAIL, "active")
    assert (code.activation_time, code.expiry_date, code.update_time) == (NOW, until, NOW)


def test_a_rolled_back_claim_leaves_neither_claim_nor_job(
    database: Database, bare: Claims, codes: list[str]
) -> None:
    count = text("SELECT count(*) FROM procrastinate_jobs")
    with database.reading() as connection:
        before = connection.scalar(count)
    with pytest.raises(KeyboardInterrupt), database.transaction() as connection:
        assert bare.take(connection, codes[0], new_guesser(), EMAIL, NOW) is not None
        raise KeyboardInterrupt

    with database.reading() as connection:
        assert get(connection, codes[0]).activation_status == "pending"
        assert connection.scalar(count) == before


def test_codes_that_are_taken_revoked_or_unknown_are_not_to_be_had(
    database: Database, bare: Claims, replica: Replica, world: World, codes: list[str]
) -> None:
    replica.revoke(world.add("admin"), codes[1])
    take(database, bare, codes[0])

    found = [take(database, bare, code) is not None for code in (*codes, secrets.token_hex(16))]

    assert found == [False, False, True, True, False]


@pytest.mark.parametrize("used_up", ["account", "address"])
def test_an_account_without_a_guess_left_takes_nothing_and_others_do(
    database: Database, bare: Claims, codes: list[str], used_up: str
) -> None:
    guilty = new_guesser()
    keys = guessing(database, lambda: NOW).keys(guilty)
    key, limit = (keys[0], 10) if used_up == "account" else (keys[1], 100)
    guess = {"bucket": key, "started_at": NOW, "is_open": False}
    with database.transaction() as connection:
        connection.execute(insert(attempts), [{"attempt_id": uuid.uuid4(), **guess} for _ in range(limit)])

    assert take(database, bare, codes[0], guilty) is None
    assert take(database, bare, codes[1]) is not None


def test_a_later_claim_of_an_account_is_later_whatever_the_clock_says(
    database: Database, bare: Claims, codes: list[str]
) -> None:
    guesser = new_guesser()
    clocks = (NOW, NOW - datetime.timedelta(hours=1), NOW, NOW + datetime.timedelta(hours=1))

    made = [take(database, bare, code, guesser, now) for code, now in zip(codes, clocks, strict=True)]

    times = [claim.redeemed_time for claim in made if claim is not None]
    assert times == sorted(set(times))
    assert len(times) == len(codes)
    assert times[-1] == clocks[-1]


def test_a_released_code_is_unused_again_and_can_be_claimed(
    database: Database, bare: Claims, codes: list[str]
) -> None:
    claim = take(database, bare, codes[0])
    assert claim is not None

    with database.transaction() as connection:
        assert claims.release(connection, claim, NOW)
        assert not claims.release(connection, claim, NOW)
        code = get(connection, codes[0])

    assert (code.activation_status, code.account_id, code.user_email) == ("pending", None, None)
    assert (code.activation_time, code.expiry_date) == (None, None)
    assert take(database, bare, codes[0]) is not None


def test_a_code_that_was_claimed_again_is_not_released_for_an_older_claim(
    database: Database, bare: Claims, codes: list[str]
) -> None:
    guesser = new_guesser()
    older = take(database, bare, codes[0], guesser)
    assert older is not None
    with database.transaction() as connection:
        claims.release(connection, older, NOW)
    newer = take(database, bare, codes[0], guesser, NOW + datetime.timedelta(seconds=1))

    with database.transaction() as connection:
        assert not claims.release(connection, older, NOW)

    with database.reading() as connection:
        code = get(connection, codes[0])
        assert newer is not None
        assert claims.claimed(connection, code.id) == Claim(
            code.id, guesser.account_id, codes[0], newer.redeemed_time, newer.expiry_date
        )


def test_a_released_code_that_an_admin_revoked_meanwhile_stays_revoked(
    database: Database, bare: Claims, codes: list[str]
) -> None:
    claim = take(database, bare, codes[0])
    assert claim is not None
    revoking = update(activation_codes).where(activation_codes.c.id == claim.code_id)

    with database.transaction() as connection:
        connection.execute(revoking.values(activation_status="revoked"))
        assert claims.release(connection, claim, NOW)
        code = get(connection, codes[0])

    assert (code.activation_status, code.account_id) == ("revoked", None)


def test_a_locked_code_holds_up_only_those_who_want_it(
    replica: Replica, world: World, database: Database, codes: list[str]
) -> None:
    lock = select(activation_codes.c.id).where(activation_codes.c.activation_code == codes[0])
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as connection:
            connection.execute(lock.with_for_update())
            held_up = pool.submit(replica.activate, world.add(), codes[0])
            with database.reading() as other:
                wait_until(lambda: other.scalar(text(waits)))
            others = at_once([partial(replica.activate, world.add(), code) for code in codes[1:]])
            assert [type(one).__name__ for one in others] == ["ActivateResponse"] * 3
            assert not held_up.done()
        assert held_up.result().activation_status == "active"


def test_codes_of_many_at_once_are_each_taken_once(
    replica: Replica, world: World, database: Database
) -> None:
    codes = [code.activation_code for code in replica.generate(world.add("admin"), 60)]
    racers: list[tuple[Account, str]] = [(world.add(), code) for code in codes for _ in range(2)]

    outcomes = at_once([partial(replica.activate, *racer) for racer in racers])

    winners = [racer for racer, one in zip(racers, outcomes, strict=True) if not isinstance(one, Exception)]
    assert sorted(code for _, code in winners) == sorted(codes)
    for account, code in winners:
        assert (account.activation_code, account.activation_status) == (code, "active")
    count = select(func.count()).where(
        activation_codes.c.activation_code.in_(codes), activation_codes.c.activation_status == "active"
    )
    with database.reading() as connection:
        assert connection.scalar(count) == len(codes)
