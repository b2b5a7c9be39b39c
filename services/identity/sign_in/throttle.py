"""Limits how often passwords are guessed, accounts are signed in to, and accounts are made.

Wrong passwords count by client network, by account and network, and by account over all networks that it is not
known at. So guessing from elsewhere never keeps an owner out of a known network, and keeps them out of a new one
only at a rate that takes many addresses. An e-mail that no account has is limited as an account is.
"""

import contextlib
import datetime
from dataclasses import dataclass

from services.chassis.errors import ThrottledError
from services.chassis.throttling.attempts import Bucket, bucket_key
from services.chassis.throttling.client_networks import network_of
from services.chassis.throttling.tally import Tally
from services.chassis.throttling.throttle import Throttle

SIGN_IN_WINDOW = datetime.timedelta(minutes=15)
REGISTRATION_WINDOW = datetime.timedelta(hours=1)
UNLIMITED = 2**31 - 1


@dataclass(eq=False)
class SignInThrottledError(ThrottledError):
    """Too many wrong passwords, or too many sign-ins, within the window."""

    reason = "SIGN_IN_THROTTLED"
    message: str = "登录尝试过于频繁，请稍后再试"


@dataclass(eq=False)
class RegistrationThrottledError(ThrottledError):
    """Too many accounts were made from this network within the window."""

    reason = "REGISTRATION_THROTTLED"
    message: str = "注册过于频繁，请稍后再试"


@dataclass(frozen=True)
class Limits:
    """Within 15 minutes, but registrations within an hour.

    Wrong passwords by account and network, by account over all unknown networks, by network over all accounts;
    sign-ins by account and network; registrations by network.
    """

    by_account_and_network: int
    by_account_at_unknown_networks: int
    by_network: int
    sign_ins: int
    registrations: int


class SignInThrottle:
    """The limits, applied. Thread-safe."""

    def __init__(self, sign_ins: Throttle, registrations: Tally, limits: Limits) -> None:
        self._sign_ins = sign_ins
        self._registrations = registrations
        self._limits = limits

    def attempt(
        self, account: str, network: str, is_known_network: bool, wrong: type[Exception]
    ) -> contextlib.AbstractContextManager[None]:
        """Runs the block as an attempt, which is a wrong guess if it raises `wrong`. Raises SignInThrottledError.

        `account` is the key of the given e-mail, `network` the caller's by network_of().
        """
        limits = self._limits
        pair = Bucket(bucket_key("account at network", account, network), limits.by_account_and_network)
        by_network = bucket_key("network", network)
        if is_known_network:
            # A wrong password counts against the network, but others there do not keep the owner out.
            wrong_guesses = [pair, Bucket(by_network, UNLIMITED)]
        else:
            elsewhere = Bucket(bucket_key("account", account), limits.by_account_at_unknown_networks)
            wrong_guesses = [pair, elsewhere, Bucket(by_network, limits.by_network)]
        sign_ins = [Bucket(bucket_key("signed in at network", account, network), limits.sign_ins)]
        return self._sign_ins.attempt(wrong_guesses, sign_ins, wrong, SignInThrottledError)

    def registration(self, address: str) -> None:
        """Counts one from the IP address `address`. Raises RegistrationThrottledError."""
        bucket = Bucket(bucket_key("registration", network_of(address)), self._limits.registrations)
        self._registrations.count([bucket], RegistrationThrottledError)
