"""Pages of lists: the fields that ask for one, and page tokens, which say where the next one begins."""

import base64
import binascii
import datetime
import uuid
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from services.chassis.language import Localized
from services.chassis.validation import Text, Values
from services.chassis.violations import InvalidValueError, invalid

LARGEST_PAGE = 200
DEFAULT_PAGE = 50
LARGEST_PAGE_TOKEN = 64
PageToken = Annotated[Text, Field(min_length=1, max_length=LARGEST_PAGE_TOKEN)]
PageSize = Annotated[int, Field(ge=1, le=LARGEST_PAGE)]
NOT_A_TOKEN = Localized("不是此列表返回的翻页标记", "must be a next_page_token of this list")
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class PageValues(Values):
    """The values of a request for a page of a list, by its number or by a token."""

    page: Annotated[int, Field(ge=1)] | None = None
    size: PageSize = DEFAULT_PAGE
    page_token: PageToken | None = None

    @field_validator("page_token")
    @classmethod
    def _stands_alone(cls, token: str | None, values: ValidationInfo) -> str | None:
        if token is not None and values.data.get("page") is not None:
            raise InvalidValueError(Localized("不能与页码同时使用", "must not be sent together with page"))
        return token


@dataclass(frozen=True)
class Position:
    """The sort key of a page's last row, in lists that are sorted by time and id, newest first."""

    time: datetime.datetime
    id: uuid.UUID


def page_token(position: Position) -> str:
    """Returns the token of the page after `position`. It is not a secret and grants no access."""
    microseconds = (position.time - EPOCH) // datetime.timedelta(microseconds=1)
    raw = microseconds.to_bytes(8, "big") + position.id.bytes
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def position_of(token: str) -> Position:
    """Returns the position in a token. Raises InvalidArgumentError if the token is not one of page_token()."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        microseconds, row = int.from_bytes(raw[:8], "big"), uuid.UUID(bytes=raw[8:])
        return Position(EPOCH + datetime.timedelta(microseconds=microseconds), row)
    except (binascii.Error, ValueError, OverflowError):
        raise invalid("page_token", NOT_A_TOKEN) from None
