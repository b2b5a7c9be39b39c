"""The thread that follows the account feed, without an Identity to follow."""

import datetime
import socket
import threading
import time
from collections.abc import Iterator
from typing import cast

import grpc
import pytest

from services.chassis.identity.client import IdentityClient
from services.chassis.identity.feed_follower import AccountFeed, FeedCursor
from services.chassis.identity.principals import CachingAuthenticator
from tests.support.waiting import wait_until


class SlowCursor:
    """A cursor whose position takes until `release` to read."""

    def __init__(self) -> None:
        self.asked, self.release = threading.Event(), threading.Event()

    def position(self) -> int:
        self.asked.set()
        assert self.release.wait(20)
        return 0


@pytest.fixture
def identity() -> Iterator[grpc.Channel]:
    """A channel to a port at which nothing listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with grpc.insecure_channel(f"127.0.0.1:{unused.getsockname()[1]}") as channel:
            yield channel


def test_stopping_before_there_is_a_stream_waits_for_no_identity(identity: grpc.Channel) -> None:
    authenticator = CachingAuthenticator(
        IdentityClient(identity).authenticate, lambda: datetime.datetime.now(datetime.UTC)
    )
    cursor = SlowCursor()
    feed = AccountFeed(identity, authenticator, cast("FeedCursor", cursor))
    feed.start()
    assert cursor.asked.wait(10)
    stopping = threading.Thread(target=feed.stop)
    before = time.monotonic()
    stopping.start()
    wait_until(lambda: feed._loop.is_stopping)
    cursor.release.set()
    stopping.join(20)
    assert time.monotonic() - before < 5
    assert "account-feed" not in {thread.name for thread in threading.enumerate()}
