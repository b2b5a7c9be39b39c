"""What the fields of cookie requests may hold."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from services.chassis.validation import Id, Text, Values

# The token names a folder, so digits of ASCII only: \d would let those of other scripts in.
Token = Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]


class TokenValues(Values):
    """ChangeCookie, DeleteCookie, GetAvatar."""

    token: Token


class AcquireValues(Values):
    """AcquireCookie."""

    owner_id: Id | None = None
    owner_email: Annotated[Text, Field(min_length=3, max_length=254)] | None = None
    token: Token | None = None

    @model_validator(mode="after")
    def _names_an_owner(self) -> Self:
        if (self.owner_id is None) == (self.owner_email is None):
            raise ValueError("one of owner_id and owner_email must be given")
        return self


class ReportValues(Values):
    """ReportCookie."""

    acquisition_id: Id
    outcome: Literal["ok", "dead", "rate_limited", "error"]
