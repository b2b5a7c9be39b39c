"""A deleted code is gone from every table, also from the stored answer to the request_id that made it."""

import uuid

import grpc
import pytest
from sqlalchemy import text

from fastmp.activation.v1 import activation_service_pb2 as pb
from services.chassis.postgres.database import Database
from tests.service.activation.replicas import Replica, at_once, refusal
from tests.service.scripted_identity import Account, World
from tests.support.waiting import wait_until


def generate(replica: Replica, admin: Account, count: int, request_id: str) -> list[pb.Code]:
    request = pb.GenerateCodesRequest(valid_days=5, count=count, request_id=request_id)
    return list(replica.stub.GenerateCodes(request, metadata=admin.bearer).codes)


def is_stored(database: Database, code: pb.Code) -> bool:
    statement = text(
        "SELECT EXISTS (SELECT FROM activation_codes WHERE activation_code = :code) OR EXISTS "
        "(SELECT FROM generation_requests WHERE position(decode(:code, 'hex') IN codes) > 0)"
    )
    with database.reading() as connection:
        return bool(connection.execute(statement, {"code": code.activation_code}).scalar_one())


def test_a_deleted_account_leaves_no_plain_code(
    replica: Replica, world: World, admin: Account, person: Account, database: Database
) -> None:
    gone = world.add()
    first, second = generate(replica, admin, 3, "first"), generate(replica, admin, 3, "second")
    its, others = [first[0], second[1], second[2]], [*first[1:], second[0]]
    for code in its:
        replica.activate(gone, code.activation_code)
    replica.activate(person, others[0].activation_code)

    world.delete(gone.id)

    wait_until(lambda: not any(is_stored(database, code) for code in its))
    assert all(is_stored(database, code) for code in others)
    assert generate(replica, admin, 3, "first") == first[1:]
    assert generate(replica, admin, 3, "second") == second[:1]


def test_a_code_that_an_admin_deletes_leaves_no_plain_code(
    replica: Replica, admin: Account, database: Database
) -> None:
    first, second = generate(replica, admin, 2, "order-1")

    replica.delete(admin, first.activation_code)

    assert not is_stored(database, first)
    assert generate(replica, admin, 2, "order-1") == [second]
    replica.delete(admin, second.activation_code)
    assert generate(replica, admin, 2, "order-1") == []


def test_codes_of_one_request_that_are_deleted_at_the_same_time_all_go(
    replica: Replica, admin: Account, database: Database
) -> None:
    made = generate(replica, admin, 12, uuid.uuid4().hex)
    names = [code.activation_code for code in made]

    answers = at_once([lambda name=name: replica.delete(admin, name) for name in names])  # type: ignore[misc]

    assert answers == [pb.DeleteCodeResponse(status="ok")] * 12
    assert not any(is_stored(database, code) for code in made)


@pytest.mark.parametrize("is_cleared", [False, True])
def test_a_code_that_identity_refuses_for_good_leaves_no_plain_code(
    replica: Replica, world: World, admin: Account, person: Account, database: Database, is_cleared: bool
) -> None:
    code, kept = generate(replica, admin, 2, uuid.uuid4().hex)
    if is_cleared:
        world.clear(code.activation_code)
    else:
        world.before_change = lambda _method: world.forget(person.id)

    assert refusal(lambda: replica.activate(person, code.activation_code))[0] in {
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.UNAUTHENTICATED,
    }

    assert not is_stored(database, code)
    assert is_stored(database, kept)
