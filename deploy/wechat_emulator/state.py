"""The emulator's whole state, in one place so that it can be reset."""

import random
from collections import Counter, deque
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from deploy.wechat_emulator.accounts import AccountBook
from deploy.wechat_emulator.clock import Clock
from deploy.wechat_emulator.fault_book import FaultBook
from deploy.wechat_emulator.knobs import Knobs
from deploy.wechat_emulator.login import Login, PhoneError
from deploy.wechat_emulator.reports import RequestReport
from deploy.wechat_emulator.sessions import SessionBook


class NotKnownError(Exception):
    """The control API was called with the id of an object that does not exist."""


class WeChatState:
    """Logins, sessions, accounts, knobs, faults and counts. Used by one event loop only."""

    def __init__(self, first_knobs: Knobs, clock: Clock, rng: random.Random) -> None:
        self.clock = clock
        self.rng = rng
        self._first_knobs = first_knobs
        self.reset()

    def reset(self) -> None:
        """Restores the state after the start."""
        self.clock.ahead = 0.0
        self.knobs = self._first_knobs
        self.logins: dict[str, Login] = {}
        self._by_ticket: dict[str, Login] = {}
        self.accounts = AccountBook()
        self.sessions = SessionBook(self.clock, self.rng)
        self.faults = FaultBook()
        self.requests: Counter[str] = Counter()
        self.recorded: deque[RequestReport] = deque(maxlen=1000)

    def new_login(self) -> Login:
        """Creates a login with a new uuid."""
        login = Login(self.rng.randbytes(16).hex())
        self.logins[login.uuid] = login
        return login

    def new_qr(self, login: Login) -> str:
        """Issues a new QR code for the login and returns its ticket."""
        ticket = self.rng.randbytes(16).hex()
        login.issue_qr(ticket, self.clock.now())
        self._by_ticket[ticket] = login
        return ticket

    def knobs_for(self, login: Login) -> Knobs:
        """Returns the global knobs, overridden by the login's own."""
        return replace(self.knobs, **login.own_knobs) if login.own_knobs else self.knobs

    def advance(self, login: Login) -> Knobs:
        """Advances the login to the current time and returns its knobs."""
        knobs = self.knobs_for(login)
        login.advance(self.clock.now(), knobs, self.accounts.fresh)
        return knobs

    def find_login(self, key: str) -> Login:
        """Returns the login by uuid, QR ticket or the QR code's URL, advanced to the current time.

        Raises NotKnownError if there is none, PhoneError if the ticket is that of an earlier QR code of the login.
        """
        if key in self.logins:
            login = self.logins[key]
        else:
            ticket = parse_qs(urlsplit(key).query).get("qrticket", [key])[0]
            if ticket not in self._by_ticket:
                raise NotKnownError("no login has this uuid or QR ticket")
            login = self._by_ticket[ticket]
            if login.ticket != ticket:
                raise PhoneError("System error")
        self.advance(login)
        return login
