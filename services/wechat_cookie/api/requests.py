"""The validation of requests."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from services.chassis.validation import Id, Text, Values

# The token is used as a folder's name, so it has ASCII digits only: \d would allow those of other scripts.
Token = Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]
LoginKey = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class BeginValues(Values):
    """The validated fields of BeginLogin."""

    inline_qr: bool = True
    wait_seconds: int = 0


class KeyValues(Values):
    """The validated fields of PollLogin and CancelLogin."""

    login_key: LoginKey


class WatchValues(Values):
    """The validated fields of WatchLogin."""

    login_key: LoginKey
    after_sequence: Annotated[int, Field(ge=0)] = 0


class TokenValues(Values):
    """The validated fields of ChangeCookie, DeleteCookie and GetAvatar."""

    token: Token


class AcquireValues(Values):
    """The validated fields of AcquireCookie."""

    owner_id: Id | None = None
    owner_email: Annotated[Text, Field(min_length=3, max_length=254)] | None = None
    token: Token | None = None

    @model_validator(mode="after")
    def _names_an_owner(self) -> Self:
        if (self.owner_id is None) == (self.owner_email is None):
            raise ValueError("one of owner_id and owner_email must be given")
        return self


class ReportValues(Values):
    """The validated fields of ReportCookie."""

    acquisition_id: Id
    outcome: Literal["ok", "dead", "rate_limited", "error"]
