"""The hub of streams on PostgreSQL: nothing that was written while it did not listen stays unread."""

import uuid

import psycopg

from deploy.local.postgres import PostgresServer
from services.chassis.identity.principals import Principal
from services.chassis.postgres.connecting import driver_url
from services.wechat_cookie.logins.streams.hub import EventHub

LOGIN = "0" * 32


def test_every_watcher_reads_when_the_hub_begins_to_listen_and_does_so_again(
    postgres_server: PostgresServer,
) -> None:
    url = postgres_server.url("postgres")
    hub = EventHub(url, beat_seconds=0.1)
    caller = Principal(str(uuid.uuid4()), "ann@example.com", "user", "active", tokens_valid_after=0)
    with hub.watching(LOGIN, caller) as watcher, hub.watching(LOGIN, caller) as other:
        hub.start()
        try:
            assert watcher.wait(20)
            assert other.wait(20)
            assert not watcher.wait(0.3)
            with psycopg.connect(driver_url(url)) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT 1'"
                    " AND datname = current_database() AND pid <> pg_backend_pid()"
                )
            assert watcher.wait(20)
            assert other.wait(20)
        finally:
            hub.stop()
