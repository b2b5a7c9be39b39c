"""The validation of each request."""

import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from services.chassis.identity.statuses import USER_ROLE, ActivationStatus, Role
from services.chassis.pages import DEFAULT_PAGE, LARGEST_PAGE
from services.chassis.validation import Id, Text, Values
from services.identity.accounts.emails import LONGEST, checked_email

MOST_PRINCIPALS = 1000

SomeText = Annotated[Text, Field(max_length=LONGEST)]
Email = Annotated[Text, Field(max_length=LONGEST), AfterValidator(checked_email)]
Password = Annotated[Text, Field(max_length=128)]
NewPassword = Annotated[Text, Field(min_length=6, max_length=128)]
ActivationCode = Annotated[str, Field(pattern="^[0-9A-Fa-f]{32}$"), AfterValidator(str.lower)]


class RegisterValues(Values):
    email: Email
    password: NewPassword


class LoginValues(Values):
    # Not validated as an address: an invalid one belongs to no account. An empty body is invalid, not a wrong
    # guess.
    email: Annotated[SomeText, Field(min_length=1)]
    password: Annotated[Password, Field(min_length=1)]


class ChangePasswordValues(Values):
    old_password: Password
    new_password: NewPassword


class ListUsersValues(Values):
    email: SomeText | None = None
    role: Role | None = None
    activation_status: ActivationStatus | None = None
    page: Annotated[int, Field(ge=1)] | None = None
    size: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = DEFAULT_PAGE
    page_token: SomeText | None = None

    @model_validator(mode="after")
    def _one_way_to_ask(self) -> "ListUsersValues":
        if self.page is not None and self.page_token is not None:
            raise ValueError("page and page_token exclude each other")
        return self


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


class WatchAccountsValues(Values):
    after_sequence: Annotated[int, Field(ge=0)] | None = None


class ApplyActivationValues(Values):
    account_id: Id
    activation_code: ActivationCode
    expired_time: datetime.datetime
    redeemed_time: datetime.datetime | None = None


class ClearActivationValues(Values):
    activation_code: ActivationCode
