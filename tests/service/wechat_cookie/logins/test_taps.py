"""How soon taps on the phone reach the stream, and how often WeChat is asked for it, with the product's limits."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from deploy.wechat_emulator.control import EmulatorControl
from deploy.wechat_emulator.running import RunningEmulator
from services.wechat_cookie.logins.rules.state import LoginLimits
from tests.service.wechat_cookie.logins.callers import Caller
from tests.service.wechat_cookie.logins.replicas import Cluster

LOGINS = 60
MEDIAN_SECONDS, P99_SECONDS = 0.4, 0.8
# The first of some requests may be late by this.
LEEWAY_SECONDS = 0.3
LIMITS = LoginLimits(starts_per_account=1_000_000, starts_per_egress=1_000_000, most_per_account=1000)


@dataclass
class Watched:
    """One login: its uuid at WeChat, and when the stream reported each stage."""

    uuid: str = ""
    seen: dict[str, float] = field(default_factory=dict)

    def follow(self, caller: Caller, phone: EmulatorControl) -> None:
        story = caller.start()
        self.uuid = phone.login(story.until_qr().url).uuid
        for event in story.read():
            self.seen.setdefault(event.progress.stage, time.monotonic())


@pytest.mark.long
@pytest.mark.timeout(180)
def test_a_confirmation_is_on_screen_within_half_a_second(
    cluster: Cluster, emulator: RunningEmulator
) -> None:
    caller = cluster.replica(LIMITS).account()
    watched = [Watched() for _ in range(LOGINS)]
    scans: dict[str, float] = {}
    confirmations: dict[str, float] = {}
    draw = random.Random(1)
    with ThreadPoolExecutor(LOGINS + 1) as pool:

        def follow(one: Watched) -> None:
            with EmulatorControl(emulator.base_url, emulator.control_token, emulator.ca_file) as phone:
                one.follow(caller, phone)

        followers = [pool.submit(follow, one) for one in watched]
        emulator.control.wait_for_logins(LOGINS, timeout=60)
        taps = sorted(
            tap
            for login in emulator.control.pending_logins()
            for start in [draw.uniform(2, 8)]
            for tap in ((start, login.uuid, "scan"), (start + draw.uniform(3, 5), login.uuid, "confirm"))
        )
        began = time.monotonic()
        for due, uuid, act in taps:
            time.sleep(max(0.0, began + due - time.monotonic()))
            if act == "scan":
                scans[uuid] = emulator.control.scan(uuid).at
            else:
                confirmations[uuid] = emulator.control.confirm(uuid).at
        for follower in followers:
            follower.result()
    delays = sorted(one.seen["confirmed"] - confirmations[one.uuid] for one in watched)
    assert delays[LOGINS // 2] <= MEDIAN_SECONDS
    assert delays[int(0.99 * LOGINS)] <= P99_SECONDS
    for uuid, times in emulator.control.ask_times().items():
        told = next(time for time in times if time >= scans[uuid])
        before = [time for time in times if time <= told]
        after = [time for time in times if time >= told]
        for asked, interval in ((before, LIMITS.poll_seconds), (after, LIMITS.scanned_poll_seconds)):
            assert (len(asked) - 1) * interval <= asked[-1] - asked[0] + LEEWAY_SECONDS
