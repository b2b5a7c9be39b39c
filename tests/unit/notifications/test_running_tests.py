"""Tests of channels that run at the same time."""

import uuid
from contextlib import ExitStack

import pytest

from services.notifications.channels.errors import ChannelTestsThrottledError
from services.notifications.channels.running_tests import MOST, RunningTests


def test_an_account_has_one_and_all_have_eight() -> None:
    tests, owners = RunningTests(), [uuid.uuid4() for _ in range(MOST + 1)]
    with ExitStack() as running:
        for owner in owners[:MOST]:
            running.enter_context(tests.of(owner))
            with pytest.raises(ChannelTestsThrottledError), tests.of(owner):
                pass
        with pytest.raises(ChannelTestsThrottledError), tests.of(owners[-1]):
            pass
    with tests.of(owners[0]):
        pass
