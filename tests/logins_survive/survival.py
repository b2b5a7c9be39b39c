"""Many logins in flight over two replicas, while replicas are killed and PostgreSQL is restarted."""

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import psycopg

from deploy.local.stack import LocalStack
from tests.login_watchers import LoginWatcher, WatchedLogin
from tests.phone_hands import PhoneHands
from tests.ready_accounts import ReadyAccount
from tests.waiting import wait_until
from tests.wechat_emulator.control import EmulatorControl

REPLICAS = ("wechat_cookie", "wechat_cookie-2")
INTERRUPTED = "LOGIN_INTERRUPTED"
# From one kill to the next, and how long a replica stays away, in seconds.
BETWEEN_KILLS = (2.0, 4.0)
AWAY = (0.2, 1.5)
CONFIRMING = (0.3, 4.0)
# Nobody waits longer: leases of dead replicas run out in less than half a minute.
PATIENCE_SECONDS = 150.0
EVENTS = "SELECT sequence, kind FROM login_events WHERE login_id = %s ORDER BY sequence"
COOKIE = "SELECT owner_id::text FROM cookies WHERE token = %s"


@dataclass
class Survival:
    """What happened, in counts, and what should not have."""

    logins: list[WatchedLogin]
    kills: int = 0
    postgres_restarts: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def succeeded(self) -> int:
        return sum(login.token is not None for login in self.logins)

    @property
    def interrupted(self) -> int:
        return sum(login.failure == INTERRUPTED for login in self.logins)

    @property
    def attached_again(self) -> int:
        return sum(login.cuts for login in self.logins)


def survive(stack: LocalStack, owners: list[ReadyAccount], seed: int, seconds: float) -> Survival:
    """A login for each owner; all are under way before the first kill, and scanned some time within `seconds`."""
    emulator = stack.wechat_emulator
    if emulator is None:
        raise LookupError("the stack has no emulator")
    chance = random.Random(seed)
    plans = [(chance.uniform(0, seconds), chance.uniform(*CONFIRMING)) for _ in owners]
    with PhoneHands(emulator) as hands:
        watchers = [
            LoginWatcher(stack.gateway_url, owner.token, _Person(hands, *plan), PATIENCE_SECONDS)
            for owner, plan in zip(owners, plans, strict=True)
        ]
        for watcher in watchers:
            watcher.start()
        wait_until(lambda: all(len(one.login.events) > 1 for one in watchers), "all logins are under way", 60)
        survival = Survival([watcher.login for watcher in watchers])
        _disturb(stack, chance, seconds, survival)
        for watcher in watchers:
            watcher.join()
        survival.problems += [f"the phone was refused: {refused}" for refused in hands.refused]
    with EmulatorControl(emulator.base_url, emulator.control_token, str(emulator.ca_file)) as phone:
        for owner, login in zip(owners, survival.logins, strict=True):
            survival.problems += _problems_of(stack, owner, login, phone)
    return survival


class _Person:
    """Scans the QR code once it is shown, and confirms a little later."""

    def __init__(self, hands: PhoneHands, scan_after: float, confirm_after: float) -> None:
        self._hands = hands
        self._scan_after = scan_after
        self._confirm_after = confirm_after

    def __call__(self, _login: WatchedLogin, event: dict[str, Any]) -> None:
        if "qr_code" in event:
            url = str(event["qr_code"]["url"])
            self._hands.in_seconds(self._scan_after, lambda phone: phone.scan(url))
            self._hands.in_seconds(self._scan_after + self._confirm_after, lambda phone: phone.confirm(url))


def _disturb(stack: LocalStack, chance: random.Random, seconds: float, survival: Survival) -> None:
    """Kills one replica after the other, and in the middle restarts PostgreSQL as well."""
    began, pause = time.monotonic(), threading.Event()
    while (passed := time.monotonic() - began) < seconds:
        if passed > seconds / 2 and not survival.postgres_restarts:
            survival.postgres_restarts += 1
            stack.restart("postgres")
        name = REPLICAS[survival.kills % 2]
        stack.process(name).kill()
        survival.kills += 1
        pause.wait(chance.uniform(*AWAY))
        stack.restart(name)
        pause.wait(chance.uniform(*BETWEEN_KILLS))


def _problems_of(
    stack: LocalStack, owner: ReadyAccount, login: WatchedLogin, phone: EmulatorControl
) -> list[str]:
    name = login.login_key[:8]
    if login.gave_up or not login.is_whole:
        return [f"login {name} has no end, a gap or a repeat: {login.sequences}"]
    problems = []
    with psycopg.connect(stack.database_url("wechat_cookie")) as database:
        stored = database.execute(EVENTS, (login.login_key,)).fetchall()
        if stored != [(event["sequence"], _kind(event)) for event in login.events]:
            problems.append(f"login {name}: its watcher saw something else than what is stored")
        if login.token is not None:
            cookie = database.execute(COOKIE, (login.token,)).fetchone()
            if cookie != (owner.id,):
                problems.append(f"login {name} succeeded without a cookie of its owner")
            if not (stack.static_directory / "cookies" / login.token / "cookie.json").is_file():
                problems.append(f"login {name} succeeded without a folder")
    if login.failure == INTERRUPTED:
        last_qr = next(event["qr_code"]["url"] for event in reversed(login.events) if "qr_code" in event)
        if phone.login(last_qr).stage != "logged_in":
            problems.append(f"login {name} was interrupted before WeChat had given its one answer")
    elif login.failure is not None:
        problems.append(f"login {name} failed with {login.failure}")
    return problems


def _kind(event: dict[str, Any]) -> str:
    return next(kind for kind in ("qr_code", "progress", "success", "failure") if kind in event)
