"""Principals: the accounts behind access tokens, and a cache of them that follows Identity's account feed.

A change on the feed drops the principal from the cache, and a feed that is silent for TRUST_SECONDS makes all
cached principals untrusted. So a revocation takes effect everywhere within a second, also when the feed is broken.
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
from services.chassis.identity.statuses import ACTIVE, ADMIN_ROLE, effective_status
from services.chassis.language import Localized

# Slightly more than two heartbeats of the feed, every 300 ms; together with the feed's own delay below one second.
TRUST_SECONDS = 0.7


@dataclass(frozen=True)
class Principal:
    """An account that calls. `activation_status` is the stored one; see effective_status()."""

    account_id: str
    email: str
    role: str
    activation_status: str
    expired_time: datetime.datetime | None = None
    # Grows whenever the account's tokens are revoked; None if Identity's release does not send it.
    tokens_valid_after: int | None = None
    has_second_factor: bool = False
    # An admin without the second factor that Identity requires of admins.
    lacks_second_factor: bool = False
    # When the access token of the call expires; None outside a call.
    token_expire_time: datetime.datetime | None = None

    @property
    def is_admin(self) -> bool:
        """Whether the account is an admin's."""
        return self.role == ADMIN_ROLE

    def has_access(self, now: datetime.datetime) -> bool:
        """Returns whether the account may call methods of the access level ACTIVE at `now`."""
        return self.is_admin or self.effective_status(now) == ACTIVE

    def effective_status(self, now: datetime.datetime) -> str:
        """The activation status at `now`: an active account past its expired_time is "expired".

        Without an expired_time it does not expire; only an admin can set this.
        """
        return effective_status(self.activation_status, self.expired_time, now)


@dataclass(frozen=True)
class AuthenticatedToken:
    """A verified access token: its principal as of the feed's `sequence`, and when it expires."""

    principal: Principal
    expire_time: datetime.datetime
    sequence: int


class UnauthenticatedError(DomainError):
    """The access token is missing or invalid; `reason` says which."""

    code = grpc.StatusCode.UNAUTHENTICATED
    reason = "TOKEN_INVALID"
    message = Localized("登录凭证无效，请重新登录", "The access token is not valid; sign in again")


class TokenMissingError(UnauthenticatedError):
    """The call has no `Authorization: Bearer …`."""

    reason = "TOKEN_MISSING"
    message = Localized("请先登录", "Sign in first")


class TokenExpiredError(UnauthenticatedError):
    """The token has expired."""

    reason = "TOKEN_EXPIRED"
    message = Localized("登录已过期，请重新登录", "The access token has expired; sign in again")


class TokenRevokedError(UnauthenticatedError):
    """The token was revoked by a logout, a new password or the deletion of its account."""

    reason = "TOKEN_REVOKED"
    message = Localized("登录已失效，请重新登录", "The access token has been revoked; sign in again")


class AccountRevokedError(DomainError):
    """An admin has revoked the account's access, so it cannot redeem codes."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "ACCOUNT_REVOKED"
    message = Localized(
        "账号已被停用，无法使用激活码",
        "The account has been revoked, so it cannot use an activation code",
    )


class Authenticator(Protocol):
    """Authenticates access tokens."""

    def authenticate(self, token: str, suffices: Callable[[Principal], bool]) -> Principal:
        """Returns the current principal, or a cached one for which `suffices` is true.

        Raises UnauthenticatedError, or a DomainError of code UNAVAILABLE.
        """
        ...


class CachingAuthenticator:
    """An Authenticator that caches the answers of `fetch` while the account feed confirms them. Thread-safe.

    `fetch` verifies a token and reads its account, and raises UnauthenticatedError. `now` returns an aware
    datetime, `monotonic` seconds.
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
        # Account id -> sequence of its last change.
        self._changed: dict[str, int] = {}
        self._capacity = capacity
        # Answers of a lower sequence are not used.
        self._floor = 0
        self._trusted_until = 0.0

    def authenticate(self, token: str, suffices: Callable[[Principal], bool]) -> Principal:
        """Returns the principal of `token`: a cached one if it is trusted and `suffices`, else that of `fetch`.

        Raises what `fetch` raises.
        """
        # The cache holds digests, because tokens are credentials.
        key = hashlib.sha256(token.encode()).digest()
        with self._lock:
            known = self._tokens.get(key)
            is_trusted = known is not None and self._is_trusted(known)
        if known is not None and is_trusted and suffices(known.principal):
            return known.principal
        answer = self._fetch(token)
        with self._lock:
            self._tokens[key] = answer
        return answer.principal

    def drop(self, account_id: str, sequence: int) -> None:
        """Invalidates answers about the account that are older than its change at `sequence`."""
        with self._lock:
            if len(self._changed) >= self._capacity:
                # Values no longer kept for single accounts count for all of them.
                self._floor = max(self._floor, *self._changed.values())
                self._changed.clear()
            self._changed[account_id] = max(sequence, self._changed.get(account_id, 0))

    def forget(self, sequence: int) -> None:
        """Invalidates all answers older than `sequence`, because changes before it may have been missed."""
        with self._lock:
            self._floor = max(self._floor, sequence)

    def trust(self) -> None:
        """Trusts the cache for TRUST_SECONDS: all changes until now were passed to drop()."""
        self._trusted_until = self._monotonic() + TRUST_SECONDS

    def distrust(self) -> None:
        """Distrusts the cache until the next trust(), because the feed is interrupted."""
        self._trusted_until = 0.0

    def _is_trusted(self, known: AuthenticatedToken) -> bool:
        return (
            self._monotonic() < self._trusted_until
            and known.sequence >= self._floor
            and known.sequence >= self._changed.get(known.principal.account_id, 0)
            and self._now() < known.expire_time
        )
