"""The validation of each request."""

import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from services.chassis.identity.statuses import USER_ROLE, ActivationStatus, Role
from services.chassis.language import Localized
from services.chassis.pages import PageValues
from services.chassis.validation import ActivationCodeText, Id, Text, Values
from services.chassis.violations import invalid
from services.identity.accounts.activations import Grant
from services.identity.accounts.emails import LONGEST, checked_email

MOST_PRINCIPALS = 1000
MOST_ADDED_DAYS = 3650
_EITHER = Localized("与 added_days 应二选一", "must be given, or added_days, but not both")

SomeText = Annotated[Text, Field(max_length=LONGEST)]
Email = Annotated[Text, Field(max_length=LONGEST), AfterValidator(checked_email)]
Password = Annotated[Text, Field(max_length=128)]
NewPassword = Annotated[Text, Field(min_length=6, max_length=128)]
# A code or a recovery code. Any short text is accepted here; a wrong one is a wrong guess.
Totp = Annotated[Text, Field(max_length=64)]


class RegisterValues(Values):
    email: Email
    password: NewPassword


class LoginValues(Values):
    # Not validated as an address: an invalid one belongs to no account. An empty body is invalid, not a wrong
    # guess.
    email: Annotated[SomeText, Field(min_length=1)]
    password: Annotated[Password, Field(min_length=1)]
    totp: Totp | None = None


class ConfirmTotpValues(Values):
    totp: Totp


class DisableTotpValues(Values):
    password: Password
    totp: Totp


class ChangePasswordValues(Values):
    old_password: Password
    new_password: NewPassword


class ResetPasswordValues(Values):
    ticket: Annotated[Text, Field(max_length=128)]
    new_password: NewPassword


class ListUsersValues(PageValues):
    email: SomeText | None = None
    role: Role | None = None
    activation_status: ActivationStatus | None = None


class AccountValues(Values):
    user_id: Id


class CreateUserValues(Values):
    email: Email
    password: NewPassword
    role: Role = USER_ROLE


class UpdateUserValues(Values):
    user_id: Id
    password: NewPassword | None = None
    role: Role | None = None
    activation_status: ActivationStatus | None = None
    expired_time: datetime.datetime | None = None


class AuthenticateValues(Values):
    # Any text is accepted here; an invalid token is refused by TokenAuthentication.
    token: str


class GetPrincipalsValues(Values):
    account_ids: Annotated[list[Id], Field(max_length=MOST_PRINCIPALS)]
    # Not validated as an address, as in LoginValues.
    email: SomeText | None = None
    after_account_id: Id | None = None


class WatchAccountsValues(Values):
    after_sequence: Annotated[int, Field(ge=0)] | None = None


class ApplyActivationValues(Values):
    account_id: Id
    activation_code: ActivationCodeText
    expired_time: datetime.datetime | None = None
    redeemed_time: datetime.datetime | None = None
    added_days: Annotated[int, Field(ge=1, le=MOST_ADDED_DAYS)] | None = None

    @property
    def grant(self) -> Grant:
        """What the code gives. Raises InvalidArgumentError unless there is either expired_time or added_days."""
        if (self.expired_time is None) == (self.added_days is None):
            raise invalid("expired_time", _EITHER)
        return Grant(self.expired_time, self.added_days)


class ClearActivationValues(Values):
    activation_code: ActivationCodeText
