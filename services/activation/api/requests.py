"""Validation of requests."""

import unicodedata
from typing import Annotated

from pydantic import (
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
)

from services.activation.codes.listing import Filter
from services.chassis.identity.statuses import ActivationStatus
from services.chassis.language import Localized
from services.chassis.pages import DEFAULT_PAGE, LARGEST_PAGE
from services.chassis.validation import ActivationCodeText, Text, Values
from services.chassis.violations import InvalidValueError

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
ValidDays = Annotated[int, Field(ge=1, le=3650)]
LARGEST_PAGE_TOKEN = 64


class GenerateCodesValues(Values):
    """The values of a GenerateCodesRequest."""

    valid_days: ValidDays
    count: int = Field(ge=1, le=10_000)
    request_id: Annotated[Text, Field(min_length=1, max_length=64)] | None = None


class FilterValues(Values):
    """The values of an ExportCodesRequest: the filter; an empty e-mail matches all codes."""

    status: ActivationStatus | None = None
    email: Annotated[Text, Field(max_length=254)] | None = None

    @property
    def filter(self) -> Filter:
        return Filter(self.status, self.email or None)


class ListCodesValues(FilterValues):
    """The values of a ListCodesRequest."""

    page: Annotated[int, Field(ge=1)] | None = None
    size: int = Field(default=DEFAULT_PAGE, ge=1, le=LARGEST_PAGE)
    page_token: Annotated[Text, Field(min_length=1, max_length=LARGEST_PAGE_TOKEN)] | None = None

    @field_validator("page_token")
    @classmethod
    def _stands_alone(cls, token: str | None, values: ValidationInfo) -> str | None:
        if token is not None and values.data.get("page") is not None:
            raise InvalidValueError(Localized("不能与页码同时使用", "must not be sent together with page"))
        return token


class CodeValues(Values):
    """The values of requests that contain only a code."""

    activation_code: ActivationCode


class UpdateCodeValues(CodeValues):
    """The values of an UpdateCodeRequest."""

    valid_days: ValidDays | None = None
    status: ActivationStatus | None = None
