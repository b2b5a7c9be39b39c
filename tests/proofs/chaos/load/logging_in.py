"""A member logs an official account in: follows the events, taps on the phone, cancels or walks away."""

import random
from enum import Enum
from typing import Any

from tests.proofs.chaos.record import AccountRecord, Outcome, Record, outcome_of
from tests.support.gateway_calls import GatewayCaller
from tests.support.login_watchers import LoginWatcher, WatchedLogin
from tests.support.phone_hands import PhoneHands

LOGIN_TIMEOUT_SECONDS = 40.0
SCAN_SECONDS = (0.0, 1.5)
CONFIRM_SECONDS = (0.2, 1.5)


class Plan(Enum):
    """What the person in front of the QR code has in mind."""

    CONFIRM = "scan and confirm"
    CANCEL = "cancel on the page"
    SECOND_QR = "cancel on the phone, then scan the new code"
    LEAVE = "close the page"
    LEAVE_SCANNED = "close the page after the scan, and confirm"


class LoggingIn:
    """Logs in for members of one record."""

    def __init__(self, record: Record, gateway_url: str, hands: PhoneHands) -> None:
        self._record = record
        self._gateway_url = gateway_url
        self._hands = hands

    def run(
        self, account: AccountRecord, caller: GatewayCaller, chance: random.Random, plan: Plan
    ) -> WatchedLogin:
        """One login to its end, or to where the plan leaves it; all that it may have changed is recorded."""
        again = self._official_account(account, chance)
        person = _Person(self._hands, plan, chance, again)
        watcher = LoginWatcher(self._gateway_url, account.token, person, LOGIN_TIMEOUT_SECONDS)
        person.leave = watcher.leave
        watcher.start()
        login = watcher.join()
        account.logins.append(login)
        if plan is Plan.CANCEL or login.gave_up:
            self._cancel(caller, login)
        self._remember(account, login, again)
        self._record.count(f"login: {plan.value}", _outcome(login))
        return login

    def _cancel(self, caller: GatewayCaller, login: WatchedLogin) -> None:
        if login.login_key and login.end is None:
            self._record.count(
                "cancel login", outcome_of(caller.post("/cookie/cancel", login_key=login.login_key))
            )

    @staticmethod
    def _official_account(account: AccountRecord, chance: random.Random) -> str | None:
        """Now and then the official account of a cookie that is there already: the new cookie replaces it."""
        named = [token for token in account.known_cookies if account.names.get(token)]
        return account.names[chance.choice(named)] if named and chance.random() < 0.3 else None

    @staticmethod
    def _remember(account: AccountRecord, login: WatchedLogin, again: str | None) -> None:
        replaced = [token for token, name in account.names.items() if again is not None and name == again]
        for token in replaced:
            if account.cookies[token] is not Outcome.NO:
                account.cookies[token] = Outcome.NO if login.token is not None else Outcome.MAYBE
        if login.token is not None:
            account.cookies[login.token] = Outcome.YES
            account.names[login.token] = login.name


class _Person:
    """Does what the plan says as the events come."""

    def __init__(
        self, hands: PhoneHands, plan: Plan, chance: random.Random, official_account: str | None
    ) -> None:
        self.leave: Any = None
        self._hands = hands
        self._plan = plan
        self._chance = chance
        self._account = official_account
        self._shown = 0

    def __call__(self, _login: WatchedLogin, event: dict[str, Any]) -> None:
        stage = event.get("progress", {}).get("stage")
        if "qr_code" in event and "url" in event["qr_code"]:
            self._shown += 1
            self._see(str(event["qr_code"]["url"]))
        elif stage == "scanned" and self._plan is Plan.LEAVE_SCANNED:
            self.leave()

    def _see(self, url: str) -> None:
        if self._plan in {Plan.LEAVE, Plan.CANCEL}:
            self.leave()
            return
        scan_after = self._chance.uniform(*SCAN_SECONDS)
        self._hands.in_seconds(scan_after, lambda phone: phone.scan(url, account=self._account))
        then = scan_after + self._chance.uniform(*CONFIRM_SECONDS)
        if self._plan is Plan.SECOND_QR and self._shown == 1:
            self._hands.in_seconds(then, lambda phone: phone.cancel(url))
        else:
            self._hands.in_seconds(then, lambda phone: phone.confirm(url))


def _outcome(login: WatchedLogin) -> Outcome:
    if login.end is None:
        return Outcome.MAYBE
    return Outcome.YES if login.token is not None else Outcome.NO
