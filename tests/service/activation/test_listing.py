"""ListCodes: order, pages, filters, totals."""

from functools import partial

import grpc
import pytest
from sqlalchemy import text

from fastmp.activation.v1 import activation_service_pb2 as pb
from services.chassis.postgres.database import Database
from tests.service.activation.replicas import Replica, at_once, refusal
from tests.service.identity.replicas import Clock
from tests.service.scripted_identity import Account, World

pytestmark = pytest.mark.usefixtures("no_codes")


def ids(answer: pb.ListCodesResponse) -> list[str]:
    return [code.id for code in answer.items]


def make(replica: Replica, admin: Account, clock: Clock, batches: int, each: int) -> list[str]:
    """Ids of codes in the order in which lists show them; those of one batch share their create_time."""
    clock.stop()
    newest: list[str] = []
    for _ in range(batches):
        clock.advance(seconds=1)
        newest = [code.id for code in replica.generate(admin, each)] + newest
    return newest


def redeem(replica: Replica, world: World, admin: Account, email: str) -> str:
    """The id of a code that an account of this e-mail has redeemed."""
    account = world.add()
    account.email = email
    code = replica.new_code(admin)
    replica.activate(account, code)
    return replica.get(admin, code).id


def test_the_first_page_has_the_newest_fifty(replica: Replica, admin: Account, clock: Clock) -> None:
    newest = make(replica, admin, clock, batches=3, each=20)

    answer = replica.list(admin)

    assert ids(answer) == newest[:50]
    assert (answer.total, answer.page, answer.size) == (60, 1, 50)
    assert answer.HasField("next_page_token")


def test_pages_by_number_and_by_token_give_each_code_once_and_agree(
    replica: Replica, admin: Account, clock: Clock
) -> None:
    newest = make(replica, admin, clock, batches=5, each=9)

    numbered = [ids(replica.list(admin, page=number, size=10)) for number in range(1, 6)]
    answer = replica.list(admin, size=10)
    followed = [ids(answer)]
    while answer.HasField("next_page_token"):
        answer = replica.list(admin, size=10, page_token=answer.next_page_token)
        assert (answer.page, answer.total) == (0, 45)
        followed.append(ids(answer))

    assert numbered == followed
    assert [one for page in followed for one in page] == newest


def test_following_a_token_is_not_disturbed_by_codes_made_meanwhile(
    replica: Replica, admin: Account, clock: Clock
) -> None:
    newest = make(replica, admin, clock, batches=2, each=10)
    first = replica.list(admin, size=10)
    make(replica, admin, clock, batches=1, each=5)

    assert ids(replica.list(admin, size=10, page_token=first.next_page_token)) == newest[10:]


def test_a_page_after_the_end_is_empty(replica: Replica, admin: Account, clock: Clock) -> None:
    make(replica, admin, clock, batches=1, each=3)

    answer = replica.list(admin, page=2_147_483_647, size=200)

    assert (ids(answer), answer.total) == ([], 3)
    assert not answer.HasField("next_page_token")


@pytest.mark.parametrize(
    "wanted",
    [
        {"page": 0},
        {"page": -1},
        {"size": 0},
        {"size": 201},
        {"status": "used"},
        {"status": ""},
        {"page_token": ""},
        {"page_token": "x"},
        {"page_token": "é" * 8},
        {"page_token": "A" * 65},
        {"page_token": "_" * 32},
        {"page": 1, "page_token": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
        {"email": "x" * 255},
        {"email": "a\x00"},
        {"code": ""},
        {"code": "abc"},
        {"code": "a-b c"},
        {"code": "abcg"},
        {"code": "abc%"},
        {"code": "a" * 33},
    ],
)
def test_bad_values_are_refused(replica: Replica, admin: Account, wanted: dict[str, object]) -> None:
    expected = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")

    assert refusal(lambda: replica.list(admin, **wanted)) == expected


def test_a_status_filter_goes_by_how_the_status_reads_now(
    replica: Replica, admin: Account, world: World, clock: Clock
) -> None:
    pending, short, long, revoked, marked = (replica.new_code(admin, days) for days in (1, 1, 9, 1, 1))
    for code in (short, long):
        replica.activate(world.add(), code)
    replica.revoke(admin, revoked)
    replica.update(admin, marked, status="expired")
    clock.advance(days=1)

    found = {
        status: {code.activation_code for code in replica.list(admin, status=status).items}
        for status in ("pending", "active", "expired", "revoked")
    }

    assert found == {
        "pending": {pending},
        "active": {long},
        "expired": {short, marked},
        "revoked": {revoked},
    }
    assert replica.list(admin, status="expired").total == 2
    assert all(code.activation_status == "expired" for code in replica.list(admin, status="expired").items)


def test_an_email_filter_finds_parts_without_regard_to_case(
    replica: Replica, admin: Account, world: World
) -> None:
    bob = redeem(replica, world, admin, "Bob.Smith@Example.com")
    redeem(replica, world, admin, "alice@example.com")

    assert ids(replica.list(admin, email="bob.SMITH")) == [bob]
    assert replica.list(admin, email="bob.SMITH").total == 1
    assert replica.list(admin, email="EXAMPLE").total == 2
    assert replica.list(admin, email="nobody").total == 0


@pytest.mark.parametrize("part", ["%", "_", "\\", "a%b", "a_b", "a\\b", "'"])
def test_wildcards_of_the_database_are_plain_characters(
    replica: Replica, admin: Account, world: World, part: str
) -> None:
    redeem(replica, world, admin, "aXb@example.com")
    with_it = redeem(replica, world, admin, f"x{part}y@example.com")

    assert ids(replica.list(admin, email=part)) == [with_it]


def test_a_code_filter_finds_parts_as_people_paste_them(replica: Replica, admin: Account) -> None:
    codes = [code.activation_code for code in replica.generate(admin, 20)]
    wanted = codes[7]

    for part in (wanted, wanted[:8], wanted[10:20].upper(), f" {wanted[-9:-4]}-{wanted[-4:]}\n"):
        assert [code.activation_code for code in replica.list(admin, code=part).items] == [wanted]
        assert replica.list(admin, code=part).total == 1
    export = pb.ExportCodesRequest(code=wanted[4:28])
    lines = b"".join(
        block.data for block in replica.stub.ExportCodes(export, metadata=admin.bearer)
    ).splitlines()
    assert [line.split(b",")[1].decode() for line in lines[1:]] == [wanted]


def test_filters_go_together_and_with_pages(replica: Replica, admin: Account, world: World) -> None:
    codes = [redeem(replica, world, admin, f"team{number}@example.com") for number in range(5)]
    redeem(replica, world, admin, "other@example.com")
    replica.generate(admin, 3)
    wanted: dict[str, object] = {"status": "active", "email": "team", "size": 2}

    first = replica.list(admin, **wanted)
    second = replica.list(admin, **wanted, page_token=first.next_page_token)

    assert ids(first) + ids(second) == codes[:0:-1]
    assert (first.total, second.total) == (5, 5)


def test_an_empty_email_is_no_filter(replica: Replica, admin: Account) -> None:
    replica.generate(admin, 2)

    assert replica.list(admin, email="").total == 2


def test_the_total_stays_exact_under_writers_at_once(
    replica: Replica, admin: Account, database: Database
) -> None:
    codes = [code.activation_code for code in replica.generate(admin, 60)]

    def make_some() -> None:
        replica.generate(admin, 7)

    deletions = [partial(replica.delete, admin, code) for code in codes[:20]]
    outcomes = at_once([*deletions, *[make_some] * 20])

    assert not [one for one in outcomes if isinstance(one, grpc.RpcError)]
    with database.reading() as connection:
        rows = connection.execute(text("SELECT count(*) FROM activation_codes")).scalar_one()
    assert replica.list(admin, size=1).total == rows == 60 - 20 + 20 * 7
    # One more writer finds no concurrent ones and merges everything into one row.
    replica.generate(admin, 1)
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM code_count_deltas")).scalar_one() == 1
