"""The LISTEN connection: it hears everything while it lives, and says when it did not."""

import queue
import time
from collections.abc import Iterator

import psycopg
import pytest

from deploy.local.postgres import PostgresServer
from services.chassis.notifications import Listener


@pytest.fixture
def url(postgres_server: PostgresServer) -> str:
    return postgres_server.url("postgres")


@pytest.fixture
def heard() -> "queue.Queue[str]":
    return queue.Queue()


@pytest.fixture
def beats() -> "queue.Queue[bool]":
    return queue.Queue()


@pytest.fixture
def listener(url: str, heard: "queue.Queue[str]", beats: "queue.Queue[bool]") -> Iterator[Listener]:
    listener = Listener(url, {"news": heard.put}, beats.put, beat_seconds=0.05)
    listener.start()
    assert beats.get(timeout=10)
    yield listener
    listener.stop()


def notify(url: str, *payloads: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for payload in payloads:
            connection.execute("SELECT pg_notify('news', %s)", (payload,))


@pytest.mark.usefixtures("listener")
def test_every_notification_is_heard_in_order(url: str, heard: "queue.Queue[str]") -> None:
    payloads = [str(number) for number in range(500)]
    notify(url, *payloads)
    assert [heard.get(timeout=10) for _ in payloads] == payloads


@pytest.mark.usefixtures("listener")
def test_a_lost_connection_is_told_and_made_again(
    url: str, heard: "queue.Queue[str]", beats: "queue.Queue[bool]"
) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query = 'SELECT 1' OR query LIKE 'LISTEN%'"
        )
    while beats.get(timeout=10):
        pass
    assert beats.get(timeout=10)
    notify(url, "again")
    assert heard.get(timeout=10) == "again"


def test_a_stopped_listener_leaves_no_connection(url: str, listener: Listener) -> None:
    def connections(connection: "psycopg.Connection[tuple[int]]") -> int:
        row = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT 1'").fetchone()
        assert row is not None
        return row[0]

    with psycopg.connect(url, autocommit=True) as connection:
        before = connections(connection)
        listener.stop()
        deadline = time.monotonic() + 10
        # The server's side of a closed connection takes a moment to notice.
        while connections(connection) != before - 1:
            assert time.monotonic() < deadline
