"""The sessions of successful logins, by slave_sid."""

import base64
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.wechat_emulator.accounts import Account
from deploy.wechat_emulator.clock import Clock
from deploy.wechat_emulator.login import Login
from deploy.wechat_emulator.ret_codes import INVALID_CSRF_TOKEN, INVALID_SESSION, OK


@dataclass(slots=True)
class Session:
    """A session. Times are in seconds: `expires_at` of the emulator's clock, `expires_wall` since 1970."""

    token: str
    login: Login
    account: Account
    cookies: dict[str, str]
    expires_at: float
    expires_wall: float
    killed: bool = False
    data_calls: int = 0


@dataclass(slots=True)
class SessionBook:
    """All sessions since the start, including those that have ended."""

    clock: Clock
    rng: random.Random
    _by_sid: dict[str, Session] = field(default_factory=dict)
    _by_token: dict[str, Session] = field(default_factory=dict)

    def open(self, login: Login, account: Account, lifetime: float) -> Session:
        """Creates a session of `account` that lasts for `lifetime` seconds."""
        token = self._fresh_token()
        bizuin = str(account.bizuin)
        cookies = {
            "slave_user": account.original_id,
            "slave_sid": self._base64(144),
            "bizuin": bizuin,
            "slave_bizuin": bizuin,
            "data_bizuin": bizuin,
            "data_ticket": self._base64(48),
            "rand_info": self._base64(32),
            "xid": self.rng.randbytes(16).hex(),
        }
        session = Session(
            token, login, account, cookies, self.clock.now() + lifetime, self.clock.wall() + lifetime
        )
        self._by_sid[cookies["slave_sid"]] = self._by_token[token] = session
        return session

    def alive(self, session: Session) -> bool:
        """Whether the session is still valid."""
        return not session.killed and self.clock.now() < session.expires_at

    def of(self, cookies: Mapping[str, str]) -> Session | None:
        """Returns the valid session of a request with these cookies; the three that WeChat checks must match."""
        session = self._by_sid.get(cookies.get("slave_sid", ""))
        if session is None or not self.alive(session):
            return None
        proven = all(cookies.get(name) == session.cookies[name] for name in ("data_ticket", "slave_user"))
        return session if proven else None

    def check(self, cookies: Mapping[str, str], token: str) -> tuple[int, Session | None]:
        """Returns the `base_resp.ret` of a call with these credentials, and its session if that is 0."""
        session = self.of(cookies)
        if session is None:
            return INVALID_SESSION, None
        return (OK, session) if session.token == token else (INVALID_CSRF_TOKEN, None)

    def by_token(self, token: str) -> Session | None:
        """Returns the session, also if it has ended."""
        return self._by_token.get(token)

    def kill_account(self, account: Account) -> None:
        """Ends every session of this account."""
        for session in self._by_sid.values():
            if session.account is account:
                session.killed = True

    def all(self) -> list[Session]:
        """Returns all sessions, oldest first."""
        return list(self._by_sid.values())

    def _fresh_token(self) -> str:
        while (token := str(self.rng.randrange(100_000_000, 2**31))) in self._by_token:
            pass
        return token

    def _base64(self, size: int) -> str:
        return base64.b64encode(self.rng.randbytes(size)).decode()
