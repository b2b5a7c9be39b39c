"""Validation of requests."""

import datetime
import unicodedata
import uuid
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from services.activation.codes.generation import Generation
from services.activation.codes.listing import Filter
from services.chassis.identity.access_days import FROM_NOW, DaysFrom
from services.chassis.identity.statuses import ActivationStatus
from services.chassis.language import Localized
from services.chassis.pages import DEFAULT_PAGE, PageSize, PageToken, PageValues
from services.chassis.validation import ActivationCodeText, Id, Text, Values, matching
from services.chassis.violations import invalid

LONGEST_PASTED_CODE = 200
# Spaces, line breaks, control characters, zero-width characters and dashes; U+2212 is the minus sign.
_IGNORED_CATEGORIES = {"Zs", "Zl", "Zp", "Cc", "Cf", "Pd"}
_MINUS = "\u2212"


def _without_ignored_characters(code: object) -> object:
    # Too long a text is returned unchanged and refused by the pattern.
    if not isinstance(code, str) or len(code) > LONGEST_PASTED_CODE:
        return code
    return "".join(
        character
        for character in code
        if character != _MINUS and unicodedata.category(character) not in _IGNORED_CATEGORIES
    )


# Spaces, zero-width characters and dashes, which come with a pasted code, are ignored.
ActivationCode = Annotated[ActivationCodeText, BeforeValidator(_without_ignored_characters)]
CodePart = Annotated[
    str,
    BeforeValidator(_without_ignored_characters),
    matching(
        "[0-9a-fA-F]{4,32}",
        Localized(
            "应为 4 到 32 个字符，只含数字和字母 a–f",
            "must be 4 to 32 characters, only digits and letters a–f",
        ),
    ),
    AfterValidator(str.lower),
]
MOST_DAYS = 3650
_IN_TIME = Localized(
    f"应为将来的时间，最多 {MOST_DAYS} 天之后", f"must be in the future, at most {MOST_DAYS} days from now"
)
ValidDays = Annotated[int, Field(ge=1, le=MOST_DAYS)]


class GenerateCodesValues(Values):
    """The values of a GenerateCodesRequest."""

    valid_days: ValidDays
    count: int = Field(ge=1, le=10_000)
    request_id: Annotated[Text, Field(min_length=1, max_length=64)] | None = None
    note: Annotated[Text, Field(max_length=200)] | None = None
    days_from: DaysFrom = FROM_NOW
    redeem_before: datetime.datetime | None = None

    def generation(self, admin: uuid.UUID, now: datetime.datetime) -> Generation:
        """Returns what to generate. Raises InvalidArgumentError if redeem_before is in the past or too far."""
        before = self.redeem_before
        if before is not None and not now < before <= now + datetime.timedelta(days=MOST_DAYS):
            raise invalid("redeem_before", _IN_TIME)
        note = self.note or None
        return Generation(admin, self.valid_days, self.count, self.request_id, self.days_from, before, note)


class FilterValues(Values):
    """The values of an ExportCodesRequest: the filter; an empty e-mail matches all codes."""

    status: ActivationStatus | None = None
    email: Annotated[Text, Field(max_length=254)] | None = None
    batch_id: Id | None = None
    code: CodePart | None = None

    @property
    def filter(self) -> Filter:
        return Filter(self.status, self.email or None, self.batch_id, self.code)


class ListCodesValues(FilterValues, PageValues):
    """The values of a ListCodesRequest."""


class ListBatchesValues(Values):
    """The values of a ListBatchesRequest."""

    size: PageSize = DEFAULT_PAGE
    page_token: PageToken | None = None


class BatchValues(Values):
    """The values of requests that contain only a batch."""

    batch_id: Id


class CodeValues(Values):
    """The values of requests that contain only a code."""

    activation_code: ActivationCode


class UpdateCodeValues(CodeValues):
    """The values of an UpdateCodeRequest."""

    valid_days: ValidDays | None = None
    status: ActivationStatus | None = None
