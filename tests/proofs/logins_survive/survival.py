"""Many logins in flight over two replicas, while replicas are killed and PostgreSQL is restarted."""

import random
import threading
from dataclasses import dataclass, field
from typing import Any

import psycopg

from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from tests.support.login_watchers import LoginWatcher, WatchedLogin
from tests.support.phone_hands import PhoneHands
from tests.support.ready_accounts import ReadyAccount
from tests.support.waiting import wait_until

REPLICAS = ("wechat_cookie", "wechat_cookie-2")
INTERRUPTED = "LOGIN_INTERRUPTED"
# From a restart to the next kill, and how long a replica stays away, in seconds.
BETWEEN_KILLS = (1.0, 3.0)
AWAY = (0.2, 1.5)
SCANNING = (0.0, 1.5)
CONFIRMING = (0.2, 2.5)
# Upper limit of waiting: leases of dead replicas run out in less than half a minute.
LOGIN_TIMEOUT_SECONDS = 150.0
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


def survive(stack: LocalStack, owners: list[ReadyAccount], seed: int, kills: int) -> Survival:
    """A login for each owner; all are under way before the first kill, and each kill finds some being confirmed."""
    emulator = stack.wechat_emulator
    if emulator is None:
        raise LookupError("the stack has no emulator")
    chance = random.Random(seed)
    with PhoneHands(emulator) as hands:
        people = [_Person(hands, chance.uniform(*SCANNING), chance.uniform(*CONFIRMING)) for _ in owners]
        watchers = [
            LoginWatcher(stack.gateway_url, owner.token, person, LOGIN_TIMEOUT_SECONDS)
            for owner, person in zip(owners, people, strict=True)
        ]
        for watcher in watchers:
            watcher.start()
        wait_until(lambda: all(len(one.login.events) > 1 for one in watchers), "all logins are under way", 60)
        survival = Survival([watcher.login for watcher in watchers])
        for number in range(kills):
            for person in people[number::kills]:
                person.pick_up_the_phone()
            if number == kills // 2:
                stack.restart("postgres")
                survival.postgres_restarts += 1
            _kill_one(stack, chance, survival)
        for watcher in watchers:
            watcher.join()
        survival.problems += [f"the phone was refused: {refused}" for refused in hands.refused]
    with EmulatorControl(emulator.base_url, emulator.control_token, str(emulator.ca_file)) as phone:
        for owner, login in zip(owners, survival.logins, strict=True):
            survival.problems += _problems_of(stack, owner, login, phone)
    return survival


class _Person:
    """Scans the QR code once it is shown and the phone is at hand, and confirms a little later."""

    def __init__(self, hands: PhoneHands, scan_after: float, confirm_after: float) -> None:
        self._hands = hands
        self._scan_after = scan_after
        self._confirm_after = confirm_after
        self._lock = threading.Lock()
        self._has_phone = False
        self._url: str | None = None

    def __call__(self, _login: WatchedLogin, event: dict[str, Any]) -> None:
        if "qr_code" in event:
            with self._lock:
                self._url = str(event["qr_code"]["url"])
                self._tap_if_ready()

    def pick_up_the_phone(self) -> None:
        """From here on there is a phone."""
        with self._lock:
            self._has_phone = True
            self._tap_if_ready()

    def _tap_if_ready(self) -> None:
        if self._has_phone and (url := self._url) is not None:
            self._hands.in_seconds(self._scan_after, lambda phone: phone.scan(url))
            self._hands.in_seconds(self._scan_after + self._confirm_after, lambda phone: phone.confirm(url))


def _kill_one(stack: LocalStack, chance: random.Random, survival: Survival) -> None:
    """Kills the replica whose turn it is, some time after the taps have started, and starts it again."""
    pause = threading.Event()
    pause.wait(chance.uniform(*BETWEEN_KILLS))
    name = REPLICAS[survival.kills % 2]
    stack.process(name).kill()
    survival.kills += 1
    pause.wait(chance.uniform(*AWAY))
    stack.restart(name)


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
