"""A thousand pending logins on one replica, then also three thousand open streams."""

import contextlib
import functools
import itertools
import os
import threading
import time

from bench.bench import Bench
from bench.load.connection import Connect, LoadConnection
from bench.load.frames import PreparedCall, grpc_call
from bench.load.streams import open_streams
from bench.logins import CONFIRMED, ENVIRONMENT, SCANNED, Logins, WatchedScan, phone
from bench.measurement import Result, at_most, median, percentile
from bench.processes import cpu_seconds, memory_bytes
from bench.rpcs import CALLER, LIST_COOKIES
from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from services.wechat_cookie.logins.rules.state import LoginLimits
from tests.support.ready_accounts import ReadyAccount
from tests.support.waiting import wait_until

NUMBERS = (9, 10)
LOGINS = 1000
FIRST = 32
WATCHED = 100
SETTLE_SECONDS = 4.0
WINDOW_SECONDS = 24.0
TAP_EVERY_SECONDS = 0.2
POLL_SECONDS = LoginLimits().poll_seconds
SCANNED_POLL_SECONDS = LoginLimits().scanned_poll_seconds
# People confirm two or three seconds after the scan.
SCANS_BEFORE_CONFIRMATION = 12
STREAMS = 3000
# Opening and closing so many is slow, so each time there are two windows without and two with them.
OPENINGS = 3
WINDOWS = 2
WATCH_LOGIN = "/fastmp.wechat_cookie.v1.WeChatCookieService/WatchLogin"
UNARY_SECONDS = 2.5
STREAMS_END_TIMEOUT_SECONDS = 60.0
# The pause between two calls of the latency measurement.
PAUSE_SECONDS = 0.004


def measure(bench: Bench) -> list[Result]:
    """Measures with WeChatCookie on one core; PostgreSQL, Envoy, the emulator and this process on the other."""
    with bench.new_stack(environment=ENVIRONMENT) as stack:
        bench.place(stack)
        owner = bench.accounts_of(stack).active(1)[0]
        replica = stack.process("wechat_cookie").pid
        with phone(stack) as wechat, Logins(stack, owner) as logins:
            # The first logins create pools and threads, which must not count as memory of a login.
            logins.begin(FIRST)
            time.sleep(SETTLE_SECONDS)
            memory = memory_bytes(replica)
            watched = logins.begin_watched(wechat, WATCHED)
            keys = [one.login_key for one in watched] + logins.begin(LOGINS - WATCHED - FIRST)
            time.sleep(SETTLE_SECONDS)
            pending = _pending(stack, owner, wechat, watched)
            each = (memory_bytes(replica) - memory) / (LOGINS - FIRST)
            lines = [*pending, Result(9, "memory of a login", each / 1024, None, "KiB", at_most(100))]
            return lines + _beside_streams(stack, owner, keys, wechat)


def _pending(
    stack: LocalStack, owner: ReadyAccount, wechat: EmulatorControl, watched: list[WatchedScan]
) -> list[Result]:
    replica, emulator = (stack.process(name).pid for name in ("wechat_cookie", "wechat_emulator"))
    followers = [
        threading.Thread(target=one.follow, args=(stack.gateway_url, owner.token)) for one in watched
    ]
    for follower in followers:
        follower.start()
    start, used, emulated = time.monotonic(), cpu_seconds(replica), cpu_seconds(emulator)
    for number in range(len(watched) + SCANS_BEFORE_CONFIRMATION):
        if number < len(watched):
            watched[number].tapped_at[SCANNED] = wechat.scan(watched[number].uuid).at
        if number >= SCANS_BEFORE_CONFIRMATION:
            one = watched[number - SCANS_BEFORE_CONFIRMATION]
            one.tapped_at[CONFIRMED] = wechat.confirm(one.uuid).at
        time.sleep(TAP_EVERY_SECONDS)
    for follower in followers:
        follower.join()
    time.sleep(max(0.0, start + WINDOW_SECONDS - time.monotonic()))
    took = time.monotonic() - start
    cores, busy = (cpu_seconds(replica) - used) / took, (cpu_seconds(emulator) - emulated) / took
    gaps = _gaps(wechat, start)
    scans, confirmations = ([one.seconds(stage) for one in watched] for stage in (SCANNED, CONFIRMED))
    return [
        Result(
            9,
            "gap between two polls of a login, p99",
            percentile(gaps, 0.99),
            None,
            "s",
            at_most(2.5),
            f"median {median(gaps):.2f} s, longest {max(gaps):.2f} s, of {len(gaps)}",
        ),
        Result(
            9,
            "scan to event at the SSE client, p99",
            percentile(scans, 0.99),
            None,
            "s",
            at_most(POLL_SECONDS + 0.3),
            f"median {median(scans):.2f} s, of {len(scans)}; a poll comes every {POLL_SECONDS} s",
        ),
        Result(
            9, "confirmation to event at the SSE client, p50", median(confirmations), None, "s", at_most(0.4)
        ),
        Result(
            9,
            "confirmation to event at the SSE client, p99",
            percentile(confirmations, 0.99),
            None,
            "s",
            at_most(0.8),
            f"of {len(confirmations)}; after a scan, a poll comes every {SCANNED_POLL_SECONDS} s",
        ),
        Result(
            9,
            "1,000 pending logins, CPU",
            cores,
            None,
            "cores",
            at_most(1),
            f"the emulated WeChat used {busy:.2f} of the other core",
        ),
    ]


def _gaps(wechat: EmulatorControl, since: float) -> list[float]:
    gaps = []
    for times in wechat.ask_times().values():
        recent = [one for one in times if one >= since]
        gaps += [later - earlier for earlier, later in itertools.pairwise(recent)]
    return gaps


def _beside_streams(
    stack: LocalStack, owner: ReadyAccount, keys: list[str], wechat: EmulatorControl
) -> list[Result]:
    replica = stack.process("wechat_cookie").pid
    connect = functools.partial(
        LoadConnection, stack.addresses("wechat_cookie")[0], stack.tls_files(CALLER), "wechat_cookie"
    )
    unary = grpc_call(LIST_COOKIES, b"", owner.token)
    watch = [_watch_call(keys[number % len(keys)], owner.token) for number in range(STREAMS)]
    alone, beside, sizes, opening, refused, gaps = [], [], [], [], [], []
    for _ in range(OPENINGS):
        alone += [_p99(connect, unary) for _ in range(WINDOWS)]
        before = memory_bytes(replica)
        with open_streams(connect, watch) as opened:
            opening.append(opened.seconds)
            refused.append(opened.refused)
            sizes.append((memory_bytes(replica) - before) / STREAMS)
            start = time.monotonic()
            beside += [_p99(connect, unary) for _ in range(WINDOWS)]
            gaps += _gaps(wechat, start)
        # Otherwise the next streams would exceed the replica's limit.
        wait_until(
            lambda: _threads(replica) < STREAMS // 10, "the streams have ended", STREAMS_END_TIMEOUT_SECONDS
        )
    details = (
        f"opened in {median(opening):.1f} s, {sum(refused)} of {OPENINGS * STREAMS} opened once more; "
        f"meanwhile the gap between two polls of a login had a p99 of {percentile(gaps, 0.99):.2f} s"
    )
    ours, theirs = 1e3 * median(beside), 1e3 * median(alone)
    return [
        # The greatest, because later rounds reuse memory that the process has kept.
        Result(10, "memory of an open login stream", max(sizes) / 1024, None, "KiB", at_most(100), details),
        Result(10, "ListCookies' p99 beside 3,000 streams", ours, theirs, "ms", at_most(2)),
    ]


def _threads(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


def _watch_call(login_key: str, token: str) -> PreparedCall:
    return grpc_call(WATCH_LOGIN, pb.WatchLoginRequest(login_key=login_key).SerializeToString(), token)


def _p99(connect: Connect, call: PreparedCall) -> float:
    seconds = []
    until = time.monotonic() + UNARY_SECONDS
    with contextlib.closing(connect()) as connection:
        connection.call(call)
        while time.monotonic() < until:
            seconds.append(connection.call(call))
            time.sleep(PAUSE_SECONDS)
    return percentile(seconds, 0.99)
