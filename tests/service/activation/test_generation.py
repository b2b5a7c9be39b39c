"""GenerateCodes: what it makes, and that a repeated request_id gives the first answer again."""

import datetime
import re
from functools import partial

import grpc
import pytest
from sqlalchemy import text

from fastmp.activation.v1 import activation_service_pb2 as pb
from services.chassis.postgres.database import Database
from tests.service.activation.replicas import Replica, at_once, refusal
from tests.service.identity.replicas import Clock
from tests.service.scripted_identity import Account, World


def generate(replica: Replica, admin: Account, **fields: object) -> pb.GenerateCodesResponse:
    request = pb.GenerateCodesRequest(**fields)  # type: ignore[arg-type]
    return replica.stub.GenerateCodes(request, metadata=admin.bearer)


def stored(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(text("SELECT count(*) FROM activation_codes")).scalar_one())


def test_new_codes_are_pending_and_unlike_one_another(replica: Replica, admin: Account, clock: Clock) -> None:
    clock.stop()

    codes = generate(replica, admin, valid_days=3650, count=3).codes

    assert len({code.activation_code for code in codes}) == len({code.id for code in codes}) == 3
    for code in codes:
        assert re.fullmatch("[0-9a-f]{32}", code.activation_code)
        assert (code.activation_status, code.valid_days) == ("pending", 3650)
        assert code.create_time.ToDatetime(tzinfo=datetime.UTC) == clock.now()
        assert code.update_time == code.create_time
        present = {field.name for field, _ in code.ListFields()}
        assert not present & {"user_email", "expiry_date", "activation_time"}
        assert replica.get(admin, code.activation_code) == code


@pytest.mark.usefixtures("no_codes")
def test_ten_thousand_are_made_in_one_call_and_counted(
    replica: Replica, admin: Account, database: Database
) -> None:
    codes = generate(replica, admin, valid_days=1, count=10_000).codes

    assert len({code.activation_code for code in codes}) == stored(database) == 10_000
    assert replica.list(admin, size=1).total == 10_000


def test_the_answer_has_the_order_of_the_list(replica: Replica, admin: Account) -> None:
    codes = generate(replica, admin, valid_days=1, count=20).codes

    assert list(replica.list(admin, size=20).items) == list(codes)


@pytest.mark.parametrize(
    "fields",
    [
        {"valid_days": 0, "count": 1},
        {"valid_days": 3651, "count": 1},
        {"valid_days": 1, "count": 0},
        {"valid_days": 1, "count": 10_001},
        {"valid_days": -1, "count": -1},
        {"valid_days": 1, "count": 1, "request_id": ""},
        {"valid_days": 1, "count": 1, "request_id": "x" * 65},
        {"valid_days": 1, "count": 1, "request_id": "a\x00b"},
    ],
)
def test_bad_values_are_refused_and_make_nothing(
    replica: Replica, admin: Account, database: Database, fields: dict[str, object]
) -> None:
    before = stored(database)
    expected = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")

    assert refusal(lambda: generate(replica, admin, **fields)) == expected
    assert stored(database) == before


def test_a_repeated_request_id_gives_the_first_answer_whatever_became_of_its_codes_but_deleted_ones(
    replica: Replica, admin: Account, person: Account, clock: Clock, database: Database
) -> None:
    first = generate(replica, admin, valid_days=5, count=4, request_id="订单-1")
    replica.activate(person, first.codes[0].activation_code)
    replica.delete(admin, first.codes[1].activation_code)
    before = stored(database)
    clock.advance(days=1)

    again = generate(replica, admin, valid_days=5, count=4, request_id="订单-1")
    assert list(again.codes) == [first.codes[0], *first.codes[2:]]
    assert stored(database) == before


def test_a_request_id_stands_for_one_request_of_one_admin(
    replica: Replica, world: World, admin: Account
) -> None:
    generate(replica, admin, valid_days=5, count=4, request_id="order-2")
    expected = (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")

    def repeat(by: Account, valid_days: int, count: int) -> object:
        return generate(replica, by, valid_days=valid_days, count=count, request_id="order-2")

    assert refusal(lambda: repeat(admin, 6, 4)) == expected
    assert refusal(lambda: repeat(admin, 5, 3)) == expected
    assert refusal(lambda: repeat(world.add("admin"), 5, 4)) == expected


def test_equal_requests_that_arrive_together_get_one_answer(
    replica: Replica, admin: Account, database: Database
) -> None:
    before = stored(database)
    fields: dict[str, object] = {"valid_days": 5, "count": 500, "request_id": "order-3"}

    answers = at_once([lambda: generate(replica, admin, **fields)] * 12)

    assert answers == [answers[0]] * 12
    assert stored(database) == before + 500


def test_of_unequal_requests_that_arrive_together_one_is_served(
    replica: Replica, admin: Account, database: Database
) -> None:
    before = stored(database)

    answers = at_once(
        [
            partial(generate, replica, admin, valid_days=days, count=100, request_id="order-4")
            for days in range(1, 9)
        ]
    )

    served = [answer for answer in answers if isinstance(answer, pb.GenerateCodesResponse)]
    assert len(served) == 1
    assert stored(database) == before + 100
