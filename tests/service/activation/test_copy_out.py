"""COPY TO STDOUT in blocks: everything arrives, errors are heard of, and leaving early leaves no mess."""

from collections.abc import Iterator

import psycopg
import pytest

from services.activation.codes.copy_out import copy_out
from services.chassis.postgres.connecting import driver_url

ROWS = 20_000
LONG = "COPY (SELECT n, repeat('x', 100) FROM generate_series(1, %(rows)s) n) TO STDOUT (FORMAT csv)"


@pytest.fixture
def connection(database_url: str) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    with psycopg.connect(driver_url(database_url)) as connection:
        yield connection


def test_every_row_arrives_in_blocks_of_the_size_wanted(
    connection: "psycopg.Connection[tuple[object, ...]]",
) -> None:
    blocks = list(copy_out(connection, LONG, {"rows": ROWS}, 10_000))

    lines = b"".join(blocks).decode().splitlines()
    assert [int(line.partition(",")[0]) for line in lines] == list(range(1, ROWS + 1))
    assert all(10_000 <= len(block) < 10_200 for block in blocks[:-1])
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_no_rows_are_no_blocks(connection: "psycopg.Connection[tuple[object, ...]]") -> None:
    assert list(copy_out(connection, LONG, {"rows": 0}, 10_000)) == []


@pytest.mark.parametrize("good_rows", [0, ROWS])
def test_an_error_of_the_server_is_raised_wherever_it_happens(
    connection: "psycopg.Connection[tuple[object, ...]]", good_rows: int
) -> None:
    statement = "COPY (SELECT 1 / (%(rows)s - n) FROM generate_series(0, %(rows)s) n) TO STDOUT"

    with pytest.raises(psycopg.errors.DivisionByZero):
        list(copy_out(connection, statement, {"rows": good_rows}, 1_000))

    connection.rollback()
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_leaving_early_leaves_a_connection_that_works(
    connection: "psycopg.Connection[tuple[object, ...]]",
) -> None:
    blocks = copy_out(connection, LONG, {"rows": 50 * ROWS}, 1_000)
    next(blocks)

    blocks.close()

    connection.rollback()
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_connection_that_is_cut_is_an_error_and_no_short_file(
    connection: "psycopg.Connection[tuple[object, ...]]", database_url: str
) -> None:
    blocks = copy_out(connection, LONG, {"rows": 50 * ROWS}, 1_000)
    next(blocks)
    with psycopg.connect(driver_url(database_url), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))

    with pytest.raises(psycopg.OperationalError):
        list(blocks)
