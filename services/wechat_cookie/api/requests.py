"""What the fields of cookie requests may hold."""

import re
import uuid
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from services.chassis.validation import Text, Values

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _uuid_of(value: object) -> uuid.UUID:
    # uuid.UUID() by itself also takes braces, URNs, and digits without dashes.
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise ValueError("must be a UUID")
    return uuid.UUID(value)


# The token names a folder, so digits of ASCII only: \d would let those of other scripts in.
Token = Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]
Id = Annotated[uuid.UUID, BeforeValidator(_uuid_of)]


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
