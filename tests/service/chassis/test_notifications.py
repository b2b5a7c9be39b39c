"""LISTEN on real PostgreSQL: heard through lost connections and through handlers that fail."""

import threading
from collections.abc import Iterator

import psycopg
import pytest

from deploy.local.postgres import PostgresServer
from services.chassis.postgres.notifications import Listener
from tests.support.waiting import wait_until


class Heard:
    """What was heard; the word "bad" makes the handler fail."""

    def __init__(self) -> None:
        self.payloads: list[str] = []
        self.beats: list[bool] = []

    def handle(self, payload: str) -> None:
        self.payloads.append(payload)
        if payload == "bad":
            raise ZeroDivisionError

    def beat(self, is_alive: bool) -> None:
        self.beats.append(is_alive)


@pytest.fixture
def heard(postgres_server: PostgresServer) -> Iterator[Heard]:
    heard = Heard()
    listener = Listener(
        postgres_server.url("postgres"), {"word": heard.handle}, heard.beat, beat_seconds=0.2, name="listener"
    )
    listener.start()
    wait_until(lambda: True in heard.beats)
    yield heard
    listener.stop()
    assert "listener" not in {thread.name for thread in threading.enumerate()}


def notify(server: PostgresServer, word: str) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_notify('word', %s)", (word,))


def test_what_is_said_is_heard(heard: Heard, postgres_server: PostgresServer) -> None:
    notify(postgres_server, "one")
    notify(postgres_server, "two")
    wait_until(lambda: heard.payloads == ["one", "two"])


def test_a_handler_that_fails_ends_nothing_and_is_told_as_a_lost_beat(
    heard: Heard, postgres_server: PostgresServer
) -> None:
    notify(postgres_server, "bad")
    wait_until(lambda: False in heard.beats)
    wait_until(lambda: heard.beats[-1])
    notify(postgres_server, "good")
    wait_until(lambda: heard.payloads == ["bad", "good"])


def test_a_lost_connection_is_told_and_made_again(heard: Heard, postgres_server: PostgresServer) -> None:
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND query = 'SELECT 1'"
        )
    wait_until(lambda: False in heard.beats)
    wait_until(lambda: heard.beats[-1])
    notify(postgres_server, "again")
    wait_until(lambda: heard.payloads == ["again"])
