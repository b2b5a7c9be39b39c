"""How often e-mails and passwords may be guessed, and accounts made, by whom.

Wrong guesses count by client address, and by account. An address from which the account was signed in to before
has a count of its own there, so whoever guesses from elsewhere shuts the owner out of no place that the owner
uses. Whether the account exists makes no difference.
"""

import contextlib
import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from services.chassis.errors import ThrottledError
from services.chassis.throttling.attempts import Bucket, bucket_key
from services.chassis.throttling.client_networks import network_of
from services.chassis.throttling.tally import Tally
from services.chassis.throttling.throttle import Attempt, Throttle

SIGN_IN_WINDOW = datetime.timedelta(minutes=15)
REGISTRATION_WINDOW = datetime.timedelta(hours=1)


@dataclass(eq=False)
class SignInThrottledError(ThrottledError):
    """Too many wrong guesses of late."""

    reason = "SIGN_IN_THROTTLED"
    message: str = "登录尝试过于频繁，请稍后再试"


@dataclass(eq=False)
class RegistrationThrottledError(ThrottledError):
    """Too many accounts were made from this address of late."""

    reason = "REGISTRATION_THROTTLED"
    message: str = "注册过于频繁，请稍后再试"


@dataclass(frozen=True)
class Limits:
    """Wrong guesses by account and by address within 15 minutes, registrations by address within an hour."""

    by_account: int
    by_address: int
    registrations: int


class SignInThrottle:
    """The limits, applied. Thread-safe."""

    def __init__(self, sign_ins: Throttle, registrations: Tally, limits: Limits) -> None:
        self._sign_ins = sign_ins
        self._registrations = registrations
        self._limits = limits

    @contextlib.contextmanager
    def guess(
        self, account: str, network: str, is_known_network: bool, wrong: type[Exception]
    ) -> Iterator[Attempt]:
        """Runs the block as a guess that was wrong if it raises `wrong`. Raises SignInThrottledError.

        `account` is the key of the e-mail that was given, `network` the caller's by network_of().
        """
        scope = ("account at network", account, network) if is_known_network else ("account", account)
        buckets = (
            Bucket(bucket_key("network", network), self._limits.by_address),
            Bucket(bucket_key(*scope), self._limits.by_account),
        )
        with self._sign_ins.attempt(buckets, SignInThrottledError, wrong) as attempt:
            yield attempt

    def registration(self, address: str) -> None:
        """Counts one from the IP address `address`. Raises RegistrationThrottledError."""
        bucket = Bucket(bucket_key("registration", network_of(address)), self._limits.registrations)
        self._registrations.count([bucket], RegistrationThrottledError)
