"""Page tokens: opaque strings with the position at which the next page of a list begins."""

import base64
import binascii
import datetime
import uuid
from dataclasses import dataclass

from services.chassis.language import Localized
from services.chassis.violations import invalid

LARGEST_PAGE = 200
DEFAULT_PAGE = 50
NOT_A_TOKEN = Localized("不是此列表返回的翻页标记", "must be a next_page_token of this list")
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


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
