"""Codes taken together: each by one account, none without guesses left, and nobody waits for another's lock."""

import datetime
import secrets
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import func, insert, select, text

from services.activation.codes.codes import get
from services.activation.redeeming.claiming import Claim, Claimant, Claiming, ClaimWish
from services.activation.redeeming.guessing import Guesser
from services.activation.tables import activation_codes, attempts, audit
from services.chassis.audit.recording import AuditLog, Event
from services.chassis.postgres.database import Database
from tests.service.activation.bare_redemption import bare_claiming
from tests.service.activation.replicas import Replica, at_once
from tests.service.activation.scripted_identity import Account, World
from tests.support.audit_key import AUDIT_KEY
from tests.support.waiting import wait_until

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)


@pytest.fixture
def claiming(database: Database, database_url: str) -> Claiming:
    return bare_claiming(database, database_url, lambda: NOW)


@pytest.fixture
def codes(replica: Replica, world: World) -> list[str]:
    return [code.activation_code for code in replica.generate(world.add("admin"), 4, valid_days=7)]


@pytest.fixture
def locked(database: Database, codes: list[str]) -> Iterator[str]:
    """A code whose row another transaction has locked."""
    lock = select(activation_codes.c.id).where(activation_codes.c.activation_code == codes[0])
    with database.transaction() as connection:
        connection.execute(lock.with_for_update())
        yield codes[0]


def wish(code: str, claimant: Claimant | None = None) -> ClaimWish:
    told = AuditLog(audit, AUDIT_KEY, lambda: NOW).entry(Event("code_activated", actor=code))
    return ClaimWish(code, claimant or new_claimant(), told)


def new_claimant() -> Claimant:
    account_id = uuid.uuid4()
    return Claimant(
        account_id, f"{account_id}@example.com", f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"
    )


def take(
    database: Database, claiming: Claiming, *wishes: ClaimWish, waiting: bool = False
) -> list[Claim | None]:
    with database.transaction() as connection:
        return claiming.take(connection, wishes, NOW, waiting=waiting)


def told(database: Database, code: str) -> list[str]:
    """Of what the entries tell that were made for a wish for `code`."""
    with database.reading() as connection:
        return list(connection.scalars(select(audit.log.c.target).where(audit.log.c.actor == code)))


@pytest.mark.parametrize("waiting", [False, True])
def test_each_wish_gets_its_own_claim_job_and_audit_entry(
    database: Database, claiming: Claiming, codes: list[str], waiting: bool
) -> None:
    wishes = [wish(code) for code in codes]

    claims = take(database, claiming, *wishes, waiting=waiting)

    until = NOW + datetime.timedelta(days=7)
    for wanted, claim in zip(wishes, claims, strict=True):
        assert claim is not None
        assert (claim.activation_code, claim.account_id) == (
            wanted.activation_code,
            wanted.claimant.account_id,
        )
        assert (claim.expiry_date, told(database, wanted.activation_code)) == (until, [str(claim.code_id)])
        with database.reading() as connection:
            code = get(connection, wanted.activation_code)
        assert (code.id, code.account_id, code.user_email, code.activation_status) == (
            *(claim.code_id, claim.account_id, wanted.claimant.email, "active"),
        )
        assert (code.activation_time, code.expiry_date, code.update_time) == (NOW, until, NOW)
    assert len({claim.job_id for claim in claims if claim is not None}) == len(codes)
    jobs = text("SELECT args->>'code_id' FROM procrastinate_jobs WHERE id = ANY(:ids) ORDER BY id")
    with database.reading() as connection:
        ids = [claim.job_id for claim in claims if claim is not None]
        assert set(connection.scalars(jobs, {"ids": ids})) == {
            str(claim.code_id) for claim in claims if claim is not None
        }


def test_of_several_who_want_one_code_the_first_has_it(
    database: Database, claiming: Claiming, codes: list[str]
) -> None:
    first, second, third = wish(codes[0]), wish(codes[0]), wish(codes[1])

    claims = take(database, claiming, first, second, third)

    assert [claim is not None for claim in claims] == [True, False, True]
    with database.reading() as connection:
        assert get(connection, codes[0]).account_id == first.claimant.account_id
    assert len(told(database, codes[0])) == 1


def test_codes_that_are_taken_revoked_or_unknown_are_nobodys(
    database: Database, claiming: Claiming, replica: Replica, world: World, codes: list[str]
) -> None:
    replica.revoke(world.add("admin"), codes[1])
    take(database, claiming, wish(codes[0]))

    claims = take(database, claiming, *(wish(code) for code in (*codes, secrets.token_hex(16))))

    assert [claim is not None for claim in claims] == [False, False, True, True, False]


@pytest.mark.parametrize("used_up", ["account", "address"])
def test_who_has_no_guess_left_takes_nothing_and_others_do(
    database: Database, claiming: Claiming, codes: list[str], used_up: str
) -> None:
    guilty = new_claimant()
    keys = claiming._guessing.keys(Guesser(guilty.account_id, guilty.address))
    key, limit = (keys[0], 10) if used_up == "account" else (keys[1], 100)
    guess = {"bucket": key, "started_at": NOW, "is_open": False}
    with database.transaction() as connection:
        connection.execute(insert(attempts), [{"attempt_id": uuid.uuid4(), **guess} for _ in range(limit)])

    claims = take(database, claiming, wish(codes[0], guilty), wish(codes[1]))

    assert [claim is not None for claim in claims] == [False, True]


def test_who_does_not_wait_passes_a_locked_code_by(
    database: Database, claiming: Claiming, codes: list[str], locked: str
) -> None:
    claims = take(database, claiming, *(wish(code) for code in codes), waiting=False)

    assert {code for code, claim in zip(codes, claims, strict=True) if claim is None} == {locked}


def test_a_locked_code_holds_up_nobody_who_wants_another(
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
