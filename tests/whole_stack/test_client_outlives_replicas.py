"""A login that is followed with the client package, while the only replica of WeChatCookie goes and comes back."""

import threading

import pytest

from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from fastmp.client import LoginStream
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from tests.support.gateway_calls import GatewayCaller
from tests.support.serving import wait_until_served
from tests.support.waiting import wait_until
from tests.whole_stack.client_callers import connect
from tests.whole_stack.people import People

SERVICE = "wechat_cookie"


class Reading:
    """Reads a login's events on a thread of its own, to the end."""

    def __init__(self, stream: LoginStream) -> None:
        self.seen: list[pb.LoginEvent] = []
        self._stream = stream
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        self.seen.extend(self._stream)

    def qr_url(self) -> str:
        """The first QR code's, as soon as it is there."""
        wait_until(lambda: any(event.HasField("qr_code") for event in self.seen), "the QR code has come")
        return next(event.qr_code.url for event in self.seen if event.HasField("qr_code"))

    def reaches(self, stage: str) -> None:
        """Returns when the login has come to the stage."""
        wait_until(lambda: stage in [event.progress.stage for event in self.seen], stage, 60)

    def all(self) -> list[pb.LoginEvent]:
        """Every event, once the login has ended."""
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self.seen


@pytest.mark.timeout(240)
@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_a_login_is_followed_through_the_end_of_its_replica(
    stack: LocalStack, people: People, wechat: EmulatorControl, end: str
) -> None:
    with connect(stack, person=people.active()) as member, member.start_login() as stream:
        reading = Reading(stream)
        url = reading.qr_url()
        if end == "killed":
            stack.process(SERVICE).kill()
        stack.restart(SERVICE)
        wechat.scan(url)
        reading.reaches("scanned")
        stack.restart(SERVICE)
        wechat.confirm(url)
        seen = reading.all()
        # What another watcher receives of the same login from its start on.
        with member.watch_login(stream.login_key) as again:
            story = list(again)
    assert [event.sequence for event in seen] == list(range(1, len(seen) + 1))
    assert seen[-1].HasField("success")
    assert seen == story
    with GatewayCaller(stack.gateway_url, people.admin.token) as admin:
        wait_until_served(admin)
