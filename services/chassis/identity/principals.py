"""Who calls: the principal behind an access token, kept in memory for as long as it is certain to be right.

The memory is coherent with Identity's account feed: a change drops the principal at once, and a feed that has
not been heard for TRUST_SECONDS makes every cached principal untrusted. So a revocation counts everywhere in
under a second, also when the feed is cut.
"""

import datetime
import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import grpc
from cachetools import LRUCache

from services.chassis.errors import DomainError

ADMIN_ROLE = "admin"
# Two heartbeats of the feed, which come every 300 ms, and some; with the feed's own delay below one second.
TRUST_SECONDS = 0.7


@dataclass(frozen=True)
class Principal:
    """An account as a caller. `activation_status` is as stored; see effective_status."""

    account_id: str
    email: str
    role: str
    activation_status: str
    expired_time: datetime.datetime | None = None
    # Grows whenever the account's tokens are ended; None when Identity's release does not say.
    tokens_valid_after: int | None = None
    # When the token ends by itself that the account called with; None outside a call.
    token_expire_time: datetime.datetime | None = None

    @property
    def is_admin(self) -> bool:
        """Whether it is an administrator's."""
        return self.role == ADMIN_ROLE

    def has_access(self, now: datetime.datetime) -> bool:
        """Whether the account may call methods of the access level ACTIVE at `now`."""
        return self.is_admin or self.effective_status(now) == "active"

    def effective_status(self, now: datetime.datetime) -> str:
        """The activation status at `now`: an active account past its expired_time is "expired".

        Without an expired_time it does not expire: only an admin makes such accounts.
        """
        if self.activation_status == "active" and self.expired_time is not None and self.expired_time <= now:
            return "expired"
        return self.activation_status


@dataclass(frozen=True)
class AuthenticatedToken:
    """A verified access token: whose it is, until when, and the feed sequence the answer is as new as."""

    principal: Principal
    expire_time: datetime.datetime
    sequence: int


@dataclass(eq=False)
class UnauthenticatedError(DomainError):
    """The access token is missing or worth nothing. `reason` says why; the message is for people."""

    code = grpc.StatusCode.UNAUTHENTICATED
    reason = "TOKEN_INVALID"
    message: str = "登录凭证无效，请重新登录"


@dataclass(eq=False)
class TokenMissingError(UnauthenticatedError):
    """No `Authorization: Bearer …` was sent."""

    reason = "TOKEN_MISSING"
    message: str = "请先登录"


@dataclass(eq=False)
class TokenExpiredError(UnauthenticatedError):
    """The token's exp is past."""

    reason = "TOKEN_EXPIRED"
    message: str = "登录已过期，请重新登录"


@dataclass(eq=False)
class TokenRevokedError(UnauthenticatedError):
    """The token was ended by a logout, a new password or the deletion of its account."""

    reason = "TOKEN_REVOKED"
    message: str = "登录已失效，请重新登录"


class Authenticator(Protocol):
    """Turns an access token into the principal of now."""

    def authenticate(self, token: str, suffices: Callable[[Principal], bool]) -> Principal:
        """The principal as it is now, or a remembered one that `suffices`.

        Raises UnauthenticatedError, or DomainError UNAVAILABLE when it cannot be found out."""
        ...


class CachingAuthenticator:
    """An Authenticator that remembers what `fetch` answered for as long as the account feed vouches for it.

    Thread-safe. `fetch` verifies a token and reads its account; it raises UnauthenticatedError. `now` gives
    an aware datetime, `monotonic` seconds.
    """

    def __init__(
        self,
        fetch: Callable[[str], AuthenticatedToken],
        now: Callable[[], datetime.datetime],
        monotonic: Callable[[], float] = time.monotonic,
        capacity: int = 100_000,
    ) -> None:
        self._fetch = fetch
        self._now = now
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._tokens: LRUCache[bytes, AuthenticatedToken] = LRUCache(capacity)
        self._changed: LRUCache[str, int] = _ChangedAccounts(capacity, self._raise_floor)
        # Answers older than this are worth nothing, whatever account they are about.
        self._floor = 0
        self._trusted_until = 0.0

    def authenticate(self, token: str, suffices: Callable[[Principal], bool]) -> Principal:
        """The principal behind `token`: a remembered one if the feed vouches for it and it `suffices`, else the
        one of now. Raises what `fetch` raises."""
        # The token itself is a credential; memory holds only its digest.
        key = hashlib.sha256(token.encode()).digest()
        with self._lock:
            known = self._tokens.get(key)
            vouched_for = known is not None and self._vouched_for(known)
        if known is not None and vouched_for and suffices(known.principal):
            return known.principal
        answer = self._fetch(token)
        with self._lock:
            self._tokens[key] = answer
        return answer.principal

    def drop(self, account_id: str, sequence: int) -> None:
        """The account has changed at `sequence`: answers older than that no longer count."""
        with self._lock:
            self._changed[account_id] = max(sequence, self._changed.get(account_id, 0))

    def forget(self, sequence: int) -> None:
        """Changes up to `sequence` may have been missed: answers older than that no longer count."""
        with self._lock:
            self._raise_floor(sequence)

    def vouch(self) -> None:
        """The feed is alive and everything that has happened was passed to drop()."""
        self._trusted_until = self._monotonic() + TRUST_SECONDS

    def distrust(self) -> None:
        """The feed is broken: nothing cached counts until vouch() is called again."""
        self._trusted_until = 0.0

    def _vouched_for(self, known: AuthenticatedToken) -> bool:
        return (
            self._monotonic() < self._trusted_until
            and known.sequence >= self._floor
            and known.sequence >= self._changed.get(known.principal.account_id, 0)
            and self._now() < known.expire_time
        )

    def _raise_floor(self, sequence: int) -> None:
        self._floor = max(self._floor, sequence)


class _ChangedAccounts(LRUCache[str, int]):
    """Account id → sequence of its last change. Forgetting one raises the floor: nothing stale revives."""

    def __init__(self, capacity: int, forgotten: Callable[[int], None]) -> None:
        super().__init__(capacity)
        self._forgotten = forgotten

    def popitem(self) -> tuple[str, int]:
        account_id, sequence = super().popitem()
        self._forgotten(sequence)
        return account_id, sequence
