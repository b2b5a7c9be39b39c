"""Re-attached by key and sequence: no gap, no repeat, whatever was cut."""

import psycopg
import pytest

from deploy.wechat_emulator.control import EmulatorControl
from services.chassis.postgres.connecting import driver_url
from tests.service.wechat_cookie.logins.callers import Caller, Story
from tests.service.wechat_cookie.logins.replicas import Cluster, Replica


def test_a_watcher_gets_what_came_after_its_sequence(ann: Caller, phone: EmulatorControl) -> None:
    story = ann.start()
    phone.scan_and_confirm(story.until_qr().url)
    story.to_end()
    for after in range(len(story.events) + 1):
        again = ann.watch(story.key, after)
        if after < len(story.events):
            again.to_end()
        assert list(again.read()) == []
        assert again.events == story.events[after:]


def test_a_sequence_ahead_of_the_login_misses_nothing(ann: Caller, phone: EmulatorControl) -> None:
    story = ann.start()
    qr = story.until_qr()
    story.until_stage("waiting_for_scan")
    ahead = ann.watch(story.key, 1000)
    beats = ahead.read()
    assert next(beats).WhichOneof("event") == "heartbeat"
    phone.scan_and_confirm(qr.url)
    ahead.to_end()
    assert ahead.sequences == list(range(4, 4 + len(ahead.events)))


def test_a_client_that_hangs_up_again_and_again_misses_nothing(ann: Caller, phone: EmulatorControl) -> None:
    story = ann.start()
    events = [next(story.read())]
    story.call.cancel()
    phone.wait_for_logins(1)
    acted = False
    while not events[-1].HasField("success"):
        piece = ann.watch(events[0].login_key, events[-1].sequence)
        while not piece.events:
            next(piece.read())
        piece.call.cancel()
        events += piece.events
        if not acted and events[-1].progress.stage == "waiting_for_scan":
            phone.scan_and_confirm(phone.pending_logins()[0].uuid)
            acted = True
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))


def test_a_login_can_be_watched_on_another_replica(
    cluster: Cluster, replica: Replica, ann: Caller, phone: EmulatorControl
) -> None:
    story = ann.start()
    qr = story.until_qr()
    elsewhere = cluster.replica().caller(ann.token).watch(story.key)
    elsewhere.until_qr()
    phone.scan_and_confirm(qr.url)
    story.to_end()
    elsewhere.to_end()
    assert elsewhere.events == story.events


def cut_connections(url: str, application_name: str) -> None:
    """Ends the server's side of connections, as a restart of PostgreSQL would."""
    with psycopg.connect(driver_url(url), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = %s",
            (application_name,),
        )


@pytest.mark.parametrize("which", ["", "fastmp"], ids=["listening", "pooled"])
def test_streams_and_polls_outlive_cut_connections(
    cluster: Cluster, ann: Caller, phone: EmulatorControl, which: str
) -> None:
    stories: list[Story] = [ann.start() for _ in range(5)]
    addresses = [story.until_qr().url for story in stories]
    for _ in range(3):
        cut_connections(cluster.url, which)
        for address in addresses[:1]:
            phone.scan(address)
            stories.pop(0).until_stage("scanned")
            addresses.remove(address)
    cut_connections(cluster.url, which)
    for story, address in zip(stories, addresses, strict=True):
        phone.scan_and_confirm(address)
        assert story.to_end().success.cookie.token
        assert story.sequences == list(range(1, len(story.events) + 1))
