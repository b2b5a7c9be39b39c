"""Limits wrong activation codes by account and by client address.

Each Activate with a code that does not exist counts, by the caller's account and by the client's address. It
is counted before it is answered, and over the limit it is answered as throttled. So however many are sent
concurrently, at most the limit are answered that their code is wrong.

A caller over the limit cannot redeem a right code either: the statement that claims a code does so only
below the limit. That costs two index look-ups and no lock; a success reserves and counts
nothing, so right codes do not block each other. The drawback is that a right code does not see wrong ones that
are being counted concurrently.
"""

import datetime
import uuid
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_

from services.chassis.errors import ThrottledError
from services.chassis.language import Localized
from services.chassis.throttling.attempts import Attempts, Bucket, bucket_key
from services.chassis.throttling.client_networks import network_of

WINDOW = datetime.timedelta(minutes=15)


class ActivationThrottledError(ThrottledError):
    """Too many wrong codes within the window."""

    reason = "ACTIVATION_THROTTLED"
    message = Localized("激活尝试过于频繁，请稍后再试", "Too many attempts to activate; try again later")


@dataclass(frozen=True)
class Limits:
    """Limits of wrong codes per account and per address within WINDOW."""

    by_account: int
    by_address: int


@dataclass(frozen=True)
class Guesser:
    """The account and the IP address that send a code."""

    account_id: uuid.UUID
    address: str


class CodeGuessing:
    """Applies the limits. Thread-safe."""

    def __init__(self, attempts: Attempts, limits: Limits) -> None:
        """`attempts` must have the window WINDOW."""
        self._attempts = attempts
        self._limits = limits

    def has_guesses_left(
        self,
        by_account: ColumnElement[bytes],
        by_address: ColumnElement[bytes],
        now: ColumnElement[datetime.datetime],
    ) -> ColumnElement[bool]:
        """Returns SQL for whether both keys(), of account and address, have guesses left at `now`."""
        attempts, limits = self._attempts, self._limits
        return and_(
            attempts.has_room(by_account, limits.by_account, now),
            attempts.has_room(by_address, limits.by_address, now),
        )

    def keys(self, guesser: Guesser) -> tuple[bytes, bytes]:
        """Returns the keys of the buckets of the account and of the address."""
        by_account, by_address = self._buckets(guesser)
        return by_account.key, by_address.key

    def count(self, guesser: Guesser) -> None:
        """Counts a wrong code. Raises ActivationThrottledError if no guesses were left."""
        self._attempts.count(self._buckets(guesser), ActivationThrottledError)

    def check(self, guesser: Guesser) -> None:
        """Raises ActivationThrottledError if no guesses are left."""
        self._attempts.check(self._buckets(guesser), ActivationThrottledError)

    def _buckets(self, guesser: Guesser) -> tuple[Bucket, Bucket]:
        return (
            Bucket(bucket_key("account", str(guesser.account_id)), self._limits.by_account),
            Bucket(bucket_key("network", network_of(guesser.address)), self._limits.by_address),
        )
