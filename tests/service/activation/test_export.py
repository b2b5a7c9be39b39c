"""ExportCodes: one CSV file, as of one moment, in bounded blocks, that no spreadsheet runs."""

import codecs
import csv
import io
from collections.abc import Iterator, Mapping

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from sqlalchemy import text

from fastmp.activation.v1 import activation_service_pb2 as pb
from services.activation.codes.export import BLOCK_BYTES, MOST_EXPORTS
from services.chassis.mutual_tls import TlsFiles
from services.chassis.postgres.connecting import long_answers
from services.chassis.postgres.database import Database
from tests.service.activation.replicas import Replica, refusal, refused, running
from tests.service.clocks import CurrentClock
from tests.service.identity.replicas import Clock
from tests.service.scripted_identity import Account, RunningIdentity, World
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("no_codes")

HEADER = (
    "id,activation_code,user_email,activation_status,valid_days,"
    "create_time,update_time,activation_time,expiry_date"
)
MANY = 50_000
Stream = Iterator[HttpBody]


def export(replica: Replica, admin: Account, **wanted: object) -> Stream:
    request = pb.ExportCodesRequest(**wanted)  # type: ignore[arg-type]
    stream: Stream = replica.stub.ExportCodes(request, metadata=admin.bearer)
    return stream


def rows(replica: Replica, admin: Account, **wanted: object) -> list[dict[str, str]]:
    content = b"".join(part.data for part in export(replica, admin, **wanted)).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(content, newline="")))


def fill(database: Database, count: int) -> None:
    statement = text(
        "INSERT INTO activation_codes "
        "(id, activation_code, activation_status, valid_days, create_time, update_time) "
        "SELECT gen_random_uuid(), md5(n::text), 'pending', 30, "
        "'2026-01-01T00:00:00.' || lpad(n::text, 6, '0') || 'Z', '2026-01-01T00:00:00.000000Z' "
        "FROM generate_series(1, :count) n"
    )
    with long_answers(), database.transaction() as connection:
        # On a busy machine so many rows may take longer than a call's statement may.
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(statement, {"count": count})
        connection.execute(text("ANALYZE activation_codes"))


# The server is shared with the tests that run beside this one.
RUNNING_COPIES = (
    "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY (%' AND state <> 'idle'"
)


def copies_running(database: Database) -> int:
    statement = text(f"SELECT count(*) {RUNNING_COPIES}")
    with database.reading() as connection:
        return int(connection.execute(statement).scalar_one())


def test_the_file_has_the_columns_of_the_contract_and_each_code_as_it_is_listed(
    replica: Replica, admin: Account, person: Account
) -> None:
    replica.new_code(admin)
    replica.activate(person, replica.new_code(admin))
    stream = export(replica, admin)

    parts = list(stream)

    headers = dict(stream.initial_metadata())  # type: ignore[attr-defined]
    assert headers["content-disposition"] == 'attachment; filename="activation_codes.csv"'
    assert parts[0].content_type == "text/csv; charset=utf-8"
    content = b"".join(part.data for part in parts)
    assert content.startswith(codecs.BOM_UTF8)
    lines = content.decode("utf-8-sig").split("\n")
    assert lines[0] == HEADER
    assert lines[-1] == ""
    for line, code in zip(lines[1:-1], replica.list(admin).items, strict=True):
        times = (code.create_time, code.update_time, code.activation_time, code.expiry_date)
        made, updated, activated, expires = (time.ToJsonString() if time.seconds else "" for time in times)
        assert line == ",".join(
            (
                code.id,
                code.activation_code,
                code.user_email,
                code.activation_status,
                str(code.valid_days),
                made,
                updated,
                activated,
                expires,
            )
        )


@pytest.mark.parametrize("wanted", [{}, {"status": "active"}, {"status": "revoked"}])
def test_the_number_of_rows_is_given_before_them(
    replica: Replica, admin: Account, person: Account, wanted: dict[str, str]
) -> None:
    replica.new_code(admin)
    replica.activate(person, replica.new_code(admin))
    stream = export(replica, admin, **wanted)
    given = dict(stream.initial_metadata())["x-fastmp-rows"]  # type: ignore[attr-defined]
    assert int(given) == len(rows(replica, admin, **wanted))


def test_an_export_whose_statement_is_ended_fails(
    replica: Replica, admin: Account, database: Database
) -> None:
    fill(database, MANY)
    stream = export(replica, admin)
    next(stream)
    statement = text(f"SELECT pg_terminate_backend(pid) {RUNNING_COPIES}")
    with database.transaction() as connection:
        assert connection.execute(statement).scalar_one()
    with pytest.raises(grpc.RpcError) as failure:
        list(stream)
    assert failure.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL}


def test_without_codes_the_file_is_its_header(replica: Replica, admin: Account) -> None:
    assert b"".join(part.data for part in export(replica, admin)).decode("utf-8-sig") == HEADER + "\n"


def test_the_byte_order_mark_can_be_left_out(
    database_url: str,
    certificates: Mapping[str, TlsFiles],
    identity: RunningIdentity,
    current_clock: CurrentClock,
    admin: Account,
) -> None:
    address = identity.address
    with running(database_url, certificates, address, current_clock, csv_byte_order_mark=False) as plain:
        assert b"".join(part.data for part in export(plain, admin)).decode() == HEADER + "\n"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_that_a_spreadsheet_would_run_is_defused(
    replica: Replica, world: World, admin: Account, start: str
) -> None:
    account = world.add()
    account.email = f"{start}cmd|'/c \"calc\"'!A0,@example.com"
    replica.activate(account, replica.new_code(admin))

    assert [row["user_email"] for row in rows(replica, admin)] == ["'" + account.email]


def test_quotes_commas_and_line_breaks_stay_within_their_cell(
    replica: Replica, world: World, admin: Account
) -> None:
    account = world.add()
    account.email = '"张三",\r\n=1+1@例子.com'
    replica.activate(account, replica.new_code(admin))

    assert [row["user_email"] for row in rows(replica, admin)] == [account.email]


def test_the_filters_are_those_of_the_list(
    replica: Replica, world: World, admin: Account, person: Account, clock: Clock
) -> None:
    pending, short, long = (replica.new_code(admin, days) for days in (1, 1, 9))
    other = world.add()
    replica.activate(person, short)
    replica.activate(other, long)
    clock.advance(days=1)

    def found(**wanted: object) -> list[tuple[str, str]]:
        return [(row["activation_code"], row["activation_status"]) for row in rows(replica, admin, **wanted)]

    assert found() == [(long, "active"), (short, "expired"), (pending, "pending")]
    assert found(status="expired") == [(short, "expired")]
    assert found(status="active") == [(long, "active")]
    assert found(email=other.email.upper()) == [(long, "active")]
    assert found(status="pending", email="%") == []


@pytest.mark.parametrize("wanted", [{"status": "used"}, {"email": "x" * 255}])
def test_bad_values_are_refused(replica: Replica, admin: Account, wanted: dict[str, object]) -> None:
    expected = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")

    assert refusal(lambda: list(export(replica, admin, **wanted))) == expected


def test_only_admins_may(replica: Replica, person: Account) -> None:
    expected = (grpc.StatusCode.PERMISSION_DENIED, "ADMIN_REQUIRED")

    assert refusal(lambda: list(export(replica, person))) == expected


def test_a_long_file_comes_in_bounded_blocks_as_of_the_moment_it_began(
    replica: Replica, admin: Account, database: Database
) -> None:
    fill(database, MANY)
    stream = export(replica, admin)
    parts = [next(stream).data]

    replica.generate(admin, 10)
    with database.transaction() as connection:
        oldest = "SELECT id FROM activation_codes ORDER BY create_time, id LIMIT 1000"
        connection.execute(
            text(f"UPDATE activation_codes SET activation_status = 'revoked' WHERE id IN ({oldest})")
        )
    parts.extend(part.data for part in stream)

    longest_line = 512
    assert max(len(part) for part in parts) < BLOCK_BYTES + longest_line
    assert len(parts) > 20
    found = list(csv.DictReader(io.StringIO(b"".join(parts).decode("utf-8-sig"))))
    assert len(found) == MANY
    assert {row["activation_status"] for row in found} == {"pending"}
    times = [row["create_time"] for row in found]
    assert times == sorted(times, reverse=True)


def test_a_cancelled_export_frees_its_connection_at_once(
    replica: Replica, admin: Account, database: Database
) -> None:
    fill(database, MANY)
    for _ in range(2 * MOST_EXPORTS):
        stream = export(replica, admin)
        next(stream)
        stream.cancel()  # type: ignore[attr-defined]
        wait_until(lambda: copies_running(database) == 0, seconds=5)

    assert len(rows(replica, admin)) == MANY


def test_only_a_few_exports_run_at_once(replica: Replica, admin: Account, database: Database) -> None:
    fill(database, MANY)
    streams = [export(replica, admin) for _ in range(MOST_EXPORTS)]
    for stream in streams:
        next(stream)

    expected = (grpc.StatusCode.RESOURCE_EXHAUSTED, "EXPORTS_BUSY")
    assert refusal(lambda: next(export(replica, admin))) == expected
    for stream in streams:
        stream.cancel()  # type: ignore[attr-defined]
    wait_until(lambda: copies_running(database) == 0)


def test_a_client_that_stops_reading_is_cut_off(
    database_url: str,
    certificates: Mapping[str, TlsFiles],
    identity: RunningIdentity,
    current_clock: CurrentClock,
    admin: Account,
    database: Database,
) -> None:
    fill(database, MANY)
    address = identity.address
    with running(database_url, certificates, address, current_clock, export_stall_seconds=0.2) as strict:
        stream = export(strict, admin)
        next(stream)
        wait_until(lambda: copies_running(database) == 0)

        with pytest.raises(grpc.RpcError) as cut_off:
            list(stream)

    assert refused(cut_off.value)[0] is grpc.StatusCode.CANCELLED
