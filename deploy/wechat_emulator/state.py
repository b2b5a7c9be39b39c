"""Everything the emulator remembers, in one place so that a reset forgets it all."""

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
    """The control API was asked about something that the emulator never made."""


class WeChatState:
    """Logins, sessions, accounts, knobs, faults and counts. Used by one event loop only."""

    def __init__(self, first_knobs: Knobs, clock: Clock, rng: random.Random) -> None:
        self.clock = clock
        self.rng = rng
        self._first_knobs = first_knobs
        self.reset()

    def reset(self) -> None:
        """As freshly started."""
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
        """A login under a fresh uuid."""
        login = Login(self.rng.randbytes(16).hex())
        self.logins[login.uuid] = login
        return login

    def new_qr(self, login: Login) -> str:
        """The ticket of the login's next QR."""
        ticket = self.rng.randbytes(16).hex()
        login.issue_qr(ticket, self.clock.now())
        self._by_ticket[ticket] = login
        return ticket

    def knobs_for(self, login: Login) -> Knobs:
        """The global knobs, with the login's own over them."""
        return replace(self.knobs, **login.own_knobs) if login.own_knobs else self.knobs

    def advance(self, login: Login) -> Knobs:
        """Brings the login up to the present; returns the knobs that hold for it."""
        knobs = self.knobs_for(login)
        login.advance(self.clock.now(), knobs, self.accounts.fresh)
        return knobs

    def find_login(self, key: str) -> Login:
        """The login by uuid, by QR ticket or by the URL inside the QR, brought up to the present.

        Raises:
            NotKnownError: there is none.
            PhoneError: the ticket is that of an earlier QR of the login.
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
