"""Limits wrong activation codes by account and by client address.

What counts is an Activate with a code that does not exist, by the caller's account and by the client's address. It
is counted before it is answered, and where there is no room, it is answered as throttled: so however many are sent
concurrently, no more than the limit learn that their code is wrong.

A caller over the limit gets nothing for a right code either: the statement that takes a code takes it only
while there is room. That costs it two look-ups in an index and no lock; a success reserves nothing and counts
nothing, so right codes never stand in each other's way. The price is that a right code does not see wrong ones that
are being counted in the same moment.
"""

import datetime
import uuid
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_

from services.chassis.errors import ThrottledError
from services.chassis.throttling.attempts import Attempts, Bucket, bucket_key
from services.chassis.throttling.client_networks import network_of

WINDOW = datetime.timedelta(minutes=15)


class ActivationThrottledError(ThrottledError):
    """Too many wrong codes of late."""

    reason = "ACTIVATION_THROTTLED"
    message = "激活尝试过于频繁，请稍后再试"


@dataclass(frozen=True)
class Limits:
    """Wrong codes by account and by address within 15 minutes."""

    by_account: int
    by_address: int


@dataclass(frozen=True)
class Guesser:
    """Who tries a code: an account, from an IP address."""

    account_id: uuid.UUID
    address: str


class CodeGuessing:
    """The limits, applied. Thread-safe."""

    def __init__(self, attempts: Attempts, limits: Limits) -> None:
        """The window of `attempts` is WINDOW."""
        self._attempts = attempts
        self._limits = limits

    def has_guesses_left(
        self,
        by_account: ColumnElement[bytes],
        by_address: ColumnElement[bytes],
        now: ColumnElement[datetime.datetime],
    ) -> ColumnElement[bool]:
        """SQL: whether the guesser of these keys() has a guess left at `now` in both respects."""
        attempts, limits = self._attempts, self._limits
        return and_(
            attempts.has_room(by_account, limits.by_account, now),
            attempts.has_room(by_address, limits.by_address, now),
        )

    def keys(self, guesser: Guesser) -> tuple[bytes, bytes]:
        """Under which its guesses count: as the account, and as the address."""
        by_account, by_address = self._buckets(guesser)
        return by_account.key, by_address.key

    def count(self, guesser: Guesser) -> None:
        """Counts a wrong code. Raises ActivationThrottledError when there was no guess left."""
        self._attempts.count(self._buckets(guesser), ActivationThrottledError)

    def check(self, guesser: Guesser) -> None:
        """Raises ActivationThrottledError when there is no guess left."""
        self._attempts.check(self._buckets(guesser), ActivationThrottledError)

    def _buckets(self, guesser: Guesser) -> tuple[Bucket, Bucket]:
        return (
            Bucket(bucket_key("account", str(guesser.account_id)), self._limits.by_account),
            Bucket(bucket_key("network", network_of(guesser.address)), self._limits.by_address),
        )
