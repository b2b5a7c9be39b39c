"""Tokens and activation codes many at a time: the same as one by one, and nobody waits for another."""

import datetime
import random
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import select

from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.postgres.database import Database
from services.identity.feed import changes
from services.identity.sign_in.tokens import Tokens
from services.identity.tables import account_activations, account_changes, accounts, audit
from tests.service.identity.replicas import SECRET, Account, Callers, Clock, refusal, sign_up

END = Timestamp(seconds=1_900_000_000, nanos=123_456_000)


@pytest.fixture
def people(callers: Callers) -> list[Account]:
    return [sign_up(callers, f"person{number}@example.com") for number in range(4)]


def new_code() -> str:
    return uuid.uuid4().hex


def wanted(account: Account, code: str, request_id: str = "") -> pb.ActivationToApply:
    return pb.ActivationToApply(
        account_id=account.id, activation_code=code, expired_time=END, request_id=request_id
    )


def apply(callers: Callers, *activations: pb.ActivationToApply) -> dict[int, pb.AppliedActivation]:
    """What was applied, by its place in the request."""
    request = pb.BatchApplyActivationsRequest(activations=activations)
    return {one.index: one for one in callers.activation.BatchApplyActivations(request).applied}


def me(callers: Callers, account: Account) -> pb.Account:
    return callers.gateway.GetMe(pb.GetMeRequest(), metadata=account.bearer)


def remembered(database: Database, codes: list[str]) -> set[str]:
    column = account_activations.c.activation_code
    with database.reading() as connection:
        return set(connection.scalars(select(column).where(column.in_(codes))))


@pytest.fixture
def first_is_locked(database: Database, people: list[Account]) -> Iterator[None]:
    """Another transaction has locked the row of the first of the people."""
    row = select(accounts.c.id).where(accounts.c.id == uuid.UUID(people[0].id))
    with database.transaction() as connection:
        connection.execute(row.with_for_update())
        yield


def test_each_account_gets_the_days_of_its_code(
    callers: Callers, people: list[Account], database: Database
) -> None:
    codes = [new_code() for _ in people]
    before = head(database)

    given = apply(callers, *(wanted(*one, f"request-{one[0].id}") for one in zip(people, codes, strict=True)))

    for number, person in enumerate(people):
        answer = given[number]
        assert (answer.email, answer.activation_status, answer.expired_time) == (person.email, "active", END)
        seen = me(callers, person)
        assert (seen.activation_status, seen.expired_time) == ("active", END)
    entries = select(audit.log.c.target, audit.log.c.request_id, audit.log.c.actor).where(
        audit.log.c.action == "activation_applied"
    )
    changes = select(account_changes.c.sequence, account_changes.c.account_id).where(
        account_changes.c.sequence > before
    )
    with database.reading() as connection:
        assert {tuple(row) for row in connection.execute(entries)} == {
            (person.id, f"request-{person.id}", "service:activation") for person in people
        }
        told = connection.execute(changes.order_by(account_changes.c.sequence)).all()
    assert [row.sequence for row in told] == list(range(before + 1, before + 1 + len(people)))
    assert {str(row.account_id) for row in told} == {person.id for person in people}
    assert head(database) == before + len(people)


def head(database: Database) -> int:
    with database.reading() as connection:
        return changes.extent(connection).head


def test_what_must_be_refused_or_is_done_already_is_left_to_the_single_call(
    callers: Callers, people: list[Account], clock: Clock
) -> None:
    done, cleared, others, fresh = (new_code() for _ in range(4))
    apply(callers, wanted(people[0], done), wanted(people[1], others))
    callers.activation.ClearActivation(pb.ClearActivationRequest(activation_code=cleared))
    stranger = Account(str(uuid.uuid4()), "", "")

    given = apply(
        callers,
        wanted(people[0], done),
        wanted(people[0], cleared),
        wanted(people[2], others),
        wanted(stranger, new_code()),
        wanted(people[3], fresh),
    )

    assert set(given) == {4}
    assert me(callers, people[2]).activation_status == "pending"


def test_an_account_takes_one_code_at_a_time_and_a_code_goes_to_one_account(
    callers: Callers, people: list[Account], database: Database
) -> None:
    first, second, shared = new_code(), new_code(), new_code()

    given = apply(
        callers,
        wanted(people[0], first),
        wanted(people[0], second),
        wanted(people[1], shared),
        wanted(people[2], shared),
    )

    assert 0 in given
    assert 1 not in given
    assert len(given.keys() & {2, 3}) == 1
    assert remembered(database, [first, second, shared]) == {first, shared}
    statuses = sorted(me(callers, person).activation_status for person in people[1:3])
    assert statuses == ["active", "pending"]


@pytest.mark.usefixtures("first_is_locked")
def test_a_locked_account_holds_nobody_up(
    callers: Callers, people: list[Account], database: Database
) -> None:
    codes = [new_code() for _ in people]

    given = apply(callers, *(wanted(person, code) for person, code in zip(people, codes, strict=True)))

    assert set(given) == {1, 2, 3}
    # The locked one's code is still to be had.
    assert remembered(database, codes) == set(codes[1:])


def test_batches_and_single_calls_that_race_leave_no_gap_in_the_feed(
    callers: Callers, database: Database
) -> None:
    people = [sign_up(callers, f"racer{number}@example.com") for number in range(12)]
    before = head(database)
    chance = random.Random(3)
    batches = [
        [wanted(person, new_code()) for person in chance.sample(people, chance.randint(1, 6))]
        for _ in range(60)
    ]

    def run(batch: list[pb.ActivationToApply]) -> None:
        given = apply(callers, *batch)
        for number, one in enumerate(batch):
            if number not in given:
                single = pb.ApplyActivationRequest(
                    account_id=one.account_id,
                    activation_code=one.activation_code,
                    expired_time=one.expired_time,
                )
                assert callers.activation.ApplyActivation(single).activation_status == "active"

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, batches))

    expected = sum(len(batch) for batch in batches)
    sequence = account_changes.c.sequence
    with database.reading() as connection:
        found = list(connection.scalars(select(sequence).where(sequence > before).order_by(sequence)))
    assert found == list(range(before + 1, before + 1 + expected))
    assert head(database) == before + expected
    codes = [one.activation_code for batch in batches for one in batch]
    assert remembered(database, codes) == set(codes)


def test_tokens_are_told_apart_as_one_by_one(callers: Callers, people: list[Account], clock: Clock) -> None:
    now = clock.now()
    seconds = int(now.timestamp())
    tokens = Tokens(SECRET, datetime.timedelta(hours=1))
    expired = tokens.issue(uuid.UUID(people[0].id), seconds - 7200, now - datetime.timedelta(hours=2))
    callers.gateway.Logout(pb.LogoutRequest(), metadata=people[3].bearer)
    asked = [
        people[0].token,
        "x",
        people[1].token,
        expired,
        people[0].token,
        people[3].token,
        tokens.issue(uuid.uuid4(), seconds, now),
    ]

    answer = callers.activation.BatchAuthenticate(pb.BatchAuthenticateRequest(tokens=asked))

    assert [one.refusal for one in answer.verdicts] == [
        *("", "TOKEN_INVALID", "", "TOKEN_EXPIRED", "", "TOKEN_REVOKED", "TOKEN_REVOKED")
    ]
    for index in (0, 2, 4):
        single = callers.activation.Authenticate(pb.AuthenticateRequest(token=asked[index]))
        assert answer.verdicts[index].authenticated == single
    assert not answer.verdicts[1].HasField("authenticated")


def test_a_batch_is_bounded_and_whole(callers: Callers, people: list[Account]) -> None:
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    stub = callers.activation
    for count in (0, 65):
        tokens = pb.BatchAuthenticateRequest(tokens=["x"] * count)
        assert refusal(partial(stub.BatchAuthenticate, tokens))[0] is invalid
        activations = [wanted(people[0], new_code())] * count
        assert refusal(partial(apply, callers, *activations))[0] is invalid
    bad = pb.ActivationToApply(account_id=people[0].id, activation_code="nonsense", expired_time=END)
    assert refusal(lambda: apply(callers, wanted(people[1], new_code()), bad))[0] is invalid
    assert me(callers, people[1]).activation_status == "pending"


@pytest.mark.parametrize("peer", ["gateway", "wechat_cookie", "ops", "identity"])
def test_only_activation_applies_codes_in_batches(callers: Callers, people: list[Account], peer: str) -> None:
    request = pb.BatchApplyActivationsRequest(activations=[wanted(people[0], new_code())])
    refused = refusal(lambda: callers[peer].BatchApplyActivations(request))
    assert refused == (grpc.StatusCode.PERMISSION_DENIED, "CALLER_NOT_ALLOWED")


@pytest.mark.parametrize("peer", ["gateway", "ops", "identity"])
def test_only_services_authenticate_in_batches(callers: Callers, people: list[Account], peer: str) -> None:
    request = pb.BatchAuthenticateRequest(tokens=[people[0].token])
    refused = refusal(lambda: callers[peer].BatchAuthenticate(request))
    assert refused == (grpc.StatusCode.PERMISSION_DENIED, "CALLER_NOT_ALLOWED")
