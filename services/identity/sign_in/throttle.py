"""The limits on wrong passwords, sign-ins, registrations and tickets of password links.

Wrong passwords are counted by client network, by account and network, and by account over all networks at which it
is not known; wrong codes of a second factor in addition on their own. So guesses from other networks never lock out
an owner at a known network, and at a new network only if they come from many addresses. An e-mail without an
account is limited in the same way.
"""

import contextlib
import datetime
import uuid

from sqlalchemy import Connection

from services.chassis import context as calls
from services.chassis.errors import ThrottledError
from services.chassis.language import Localized
from services.chassis.throttling.attempts import Attempts, Bucket, bucket_key
from services.chassis.throttling.client_networks import network_of
from services.identity.accounts.emails import email_key
from services.identity.settings import IdentitySettings

SIGN_IN_WINDOW = datetime.timedelta(minutes=15)
REGISTRATION_WINDOW = datetime.timedelta(hours=1)
UNLIMITED = 2**31 - 1


class SignInThrottledError(ThrottledError):
    """Too many wrong passwords, or too many sign-ins, within the window."""

    reason = "SIGN_IN_THROTTLED"
    message = Localized("登录尝试过于频繁，请稍后再试", "Too many attempts to sign in; try again later")


class RegistrationThrottledError(ThrottledError):
    """Too many accounts were registered from this network within the window."""

    reason = "REGISTRATION_THROTTLED"
    message = Localized("注册过于频繁，请稍后再试", "Too many registrations; try again later")


class PasswordResetThrottledError(ThrottledError):
    """Too many tickets from this network did not work within the window."""

    reason = "PASSWORD_RESET_THROTTLED"
    message = Localized("尝试过于频繁，请稍后再试", "Too many attempts; try again later")


class SignInThrottle:
    """Applies the limits. Thread-safe."""

    def __init__(self, sign_ins: Attempts, registrations: Attempts, settings: IdentitySettings) -> None:
        """The windows of `sign_ins` and `registrations` are SIGN_IN_WINDOW and REGISTRATION_WINDOW."""
        self._sign_ins = sign_ins
        self._registrations = registrations
        self._settings = settings

    def attempt(
        self, account: str, network: str, is_known_network: bool, wrong: type[Exception]
    ) -> contextlib.AbstractContextManager[None]:
        """Runs the block as an attempt, which is a wrong guess if it raises `wrong`.

        `account` is the email_key() of the e-mail, `network` the caller's network from network_of(). Raises
        SignInThrottledError without running the block if a limit is reached.
        """
        limits = self._settings
        pair = Bucket(_pair_key(account, network), limits.sign_in_limit_per_account)
        by_network = bucket_key("network", network)
        if is_known_network:
            # A wrong password is counted for the network, but the network's limit does not lock out the owner.
            wrong_guesses = [pair, Bucket(by_network, UNLIMITED)]
        else:
            elsewhere = Bucket(_account_key(account), limits.sign_in_limit_unknown_networks)
            wrong_guesses = [pair, elsewhere, Bucket(by_network, limits.sign_in_limit_per_address)]
        sign_ins = [Bucket(bucket_key("signed in at network", account, network), limits.sign_ins_per_account)]
        return self._sign_ins.attempt(
            wrong_guesses, sign_ins, wrong, SignInThrottledError, calls.remaining_time()
        )

    def second_factor(
        self, account: str, network: str, is_known_network: bool, wrong: type[Exception]
    ) -> contextlib.AbstractContextManager[None]:
        """Runs the block as the use of a code of a second factor, which is a wrong guess if it raises `wrong`.

        It is within an attempt(), with the same arguments, and has a limit of its own, which forgive() leaves as it
        is: a code has only six digits, so guesses from many networks, or after many password links, must not add
        up. Raises SignInThrottledError without running the block if the limit is reached.
        """
        place = ("at network", network) if is_known_network else ("at unknown networks",)
        bucket = Bucket(
            bucket_key("second factor", account, *place), self._settings.sign_in_limit_per_account
        )
        return self._sign_ins.attempt([bucket], [], wrong, SignInThrottledError, calls.remaining_time())

    def reset(self, network: str, wrong: type[Exception]) -> contextlib.AbstractContextManager[None]:
        """Runs the block as the use of a ticket, which is a wrong one if it raises `wrong`.

        Raises PasswordResetThrottledError without running the block if the limit of `network` is reached.
        """
        key = bucket_key("password reset at network", network)
        bucket = Bucket(key, self._settings.sign_in_limit_per_address)
        return self._sign_ins.attempt(
            [bucket], [], wrong, PasswordResetThrottledError, calls.remaining_time()
        )

    def forgive(self, connection: Connection, email: str, network: str) -> None:
        """Forgets the wrong passwords counted for an account, at `network` and over all unknown networks.

        The network's own count, which is for all accounts, stays.
        """
        account = email_key(email)
        self._sign_ins.forgive(connection, [_pair_key(account, network), _account_key(account)])

    def enrolment(self, connection: Connection, account_id: uuid.UUID) -> None:
        """Counts the start of an enrolment of a second factor, in the open transaction of `connection`.

        Raises SignInThrottledError.
        """
        key = bucket_key("second factor enrolment", str(account_id))
        bucket = Bucket(key, self._settings.sign_ins_per_account)
        self._sign_ins.count_within(connection, [bucket], SignInThrottledError)

    def registration(self, address: str) -> None:
        """Counts a registration from the IP address `address`. Raises RegistrationThrottledError."""
        limit = self._settings.registration_limit_per_address
        bucket = Bucket(bucket_key("registration", network_of(address)), limit)
        self._registrations.count([bucket], RegistrationThrottledError)


def _pair_key(account: str, network: str) -> bytes:
    return bucket_key("account at network", account, network)


def _account_key(account: str) -> bytes:
    return bucket_key("account", account)
