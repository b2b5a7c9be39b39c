"""Stopping leaves nothing: no thread, no connection, no poll; a second engine goes on."""

import threading
import time

import grpc
import pytest

from deploy.wechat_emulator.control import EmulatorControl
from deploy.wechat_emulator.fault_spec import Fault
from services.chassis.errors import reason_of
from tests.service.wechat_cookie.logins.callers import eventually
from tests.service.wechat_cookie.logins.replicas import Cluster

OURS = ("polls", "acts", "listener", "login-upkeep")


def our_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(OURS)]


def test_a_stopped_engine_leaves_no_thread_and_ends_its_streams(
    cluster: Cluster, phone: EmulatorControl
) -> None:
    replica = cluster.replica()
    ann = replica.account()
    story = ann.start()
    story.until_qr()
    assert our_threads()
    replica.engine.stop()
    assert our_threads() == []
    with pytest.raises(grpc.RpcError) as turned_away:
        list(story.read())
    assert reason_of(turned_away.value) == "REPLICA_STOPPING"
    assert {event.WhichOneof("event") for event in story.events} <= {"qr_code", "progress"}
    replica.database.dispose()
    again = cluster.replica().caller(ann.token).watch(story.key, story.sequences[-1])
    phone.scan_and_confirm(phone.pending_logins()[0].uuid)
    assert again.to_end().success.cookie.token


def test_an_exchange_that_hangs_delays_a_stop_by_no_more_than_it_may(
    cluster: Cluster, phone: EmulatorControl
) -> None:
    replica = cluster.replica()
    story = replica.account().start()
    story.until_qr()
    phone.add_fault(Fault("/cgi-bin/scanloginqrcode?action=ask", "delay", seconds=3))
    eventually(lambda: phone.counters().faults.get("delay"), "a poll hangs")
    begun = time.monotonic()
    replica.engine.stop(1.0)
    assert time.monotonic() - begun < 2.5
    eventually(lambda: our_threads() == [], "the hanging poll ends by itself")


def test_fifty_cancelled_and_abandoned_logins_leave_no_thread_and_no_poll(
    cluster: Cluster, phone: EmulatorControl
) -> None:
    replica = cluster.replica()
    callers = [replica.account() for _ in range(5)]
    callers[0].cancel(callers[0].begin().login_key)
    before = set(our_threads())
    for number in range(50):
        story = callers[number % 5].start()
        story.until_qr()
        if number % 2:
            story.call.cancel()
        callers[number % 5].cancel(story.key)
        if not number % 2:
            assert story.to_end().failure.reason == "CANCELLED"
    assert set(our_threads()) == before
    eventually(lambda: replica.streams() == 0, "no stream is left")
    # A poll that was under way when its login was cancelled may still arrive; after it there is none.
    looks = [-1]
    eventually(lambda: still(phone, looks), "no poll is left")


def still(phone: EmulatorControl, looks: list[int]) -> bool:
    """Whether nothing was asked since the last look, six intervals of a poll ago."""
    threading.Event().wait(0.3)
    looks.append(sum(phone.counters().requests.values()))
    return looks[-1] == looks[-2]


def test_when_no_login_is_left_no_connection_to_wechat_is(cluster: Cluster, phone: EmulatorControl) -> None:
    replica = cluster.replica()
    callers = [replica.account() for _ in range(8)]
    stories = [caller.start() for caller in callers]
    for story in stories:
        story.until_qr()
    # The one that asks is open as well.
    assert phone.counters().open_connections > 1
    for caller, story in zip(callers, stories, strict=True):
        caller.cancel(story.key)
    eventually(lambda: phone.counters().open_connections == 1, "the connections are closed")
    # And there are new ones for later callers.
    assert callers[0].start().until_qr().image
