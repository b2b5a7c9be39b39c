"""Attempts to log in that come to nothing: cancelled, or left in one of the ways in which people leave."""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.support.gateway_calls import GatewayCaller
from tests.support.ready_accounts import ReadyAccount

Attempt = Callable[[GatewayCaller], bool]


def begin_and_cancel(caller: GatewayCaller) -> bool:
    """Asks for a QR code and cancels."""
    begun = caller.get("/cookie/get", inline_qr="false")
    return begun.ok and caller.post("/cookie/cancel", login_key=str(begun.body["login_key"])).ok


def begin_and_leave(caller: GatewayCaller) -> bool:
    """Asks for a QR code and never polls."""
    return caller.get("/cookie/get", inline_qr="false").ok


def watch_and_hang_up(caller: GatewayCaller) -> bool:
    """Follows the events until the QR code is there, and hangs up."""
    return any("qr_code" in event for event in caller.events("/cookie/login"))


def start_and_hang_up(caller: GatewayCaller) -> bool:
    """Hangs up with the first event, before the QR code is there."""
    return next(caller.events("/cookie/login"), None) is not None


KINDS: Sequence[Attempt] = (begin_and_cancel, begin_and_leave, watch_and_hang_up, start_and_hang_up)


def attempt(gateway_url: str, accounts: Sequence[ReadyAccount], count: int, at_once: int) -> Counter[str]:
    """Makes `count` attempts of all kinds, `at_once` side by side. Counts those that went as planned by kind."""
    planned = list(zip(range(count), itertools.cycle(accounts), itertools.cycle(KINDS), strict=False))

    def run(number: int) -> str | None:
        _, account, kind = planned[number]
        with GatewayCaller(gateway_url, account.token) as caller:
            return kind.__name__ if kind(caller) else None

    with ThreadPoolExecutor(at_once, thread_name_prefix="attempt") as pool:
        return Counter(name for name in pool.map(run, range(count)) if name is not None)
