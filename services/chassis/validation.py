"""Validation of requests by pydantic models."""

import datetime
import re
import unicodedata
import uuid
from typing import Annotated, TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError

from services.chassis.errors import InvalidArgumentError
from services.chassis.language import Localized
from services.chassis.violations import InvalidValueError, invalid, violation_of


class Values(BaseModel):
    """Base of the models of requests: frozen, strict about types, without unknown fields."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)


ValuesT = TypeVar("ValuesT", bound=Values)


def _without_control_characters(text: str) -> str:
    # PostgreSQL cannot store NUL, and no field of the contract needs the others.
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise InvalidValueError(Localized("不能包含控制字符", "must not contain control characters"))
    return text


_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _uuid_of(value: object) -> uuid.UUID:
    # uuid.UUID() also accepts braces, URNs, and digits without hyphens.
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise InvalidValueError(Localized("应为 UUID", "must be a UUID"))
    return uuid.UUID(value)


Id = Annotated[uuid.UUID, BeforeValidator(_uuid_of)]
Text = Annotated[str, AfterValidator(_without_control_characters)]


def matching(pattern: str, expected: Localized) -> AfterValidator:
    """Returns a validator of texts that match `pattern` whole; `expected` says so to people, as in violation()."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise InvalidValueError(expected)
        return text

    return AfterValidator(check)


ActivationCodeText = Annotated[
    str,
    matching(
        "[0-9a-fA-F]{32}",
        Localized("应为 32 个字符，只含数字和字母 a–f", "must be 32 characters, only digits and letters a–f"),
    ),
    # The database has lower case only.
    AfterValidator(str.lower),
]


def parse(model: type[ValuesT], request: Message) -> ValuesT:
    """Returns the validated values of `request`, whose fields have the names of the model's.

    A field with presence that was not sent has the model's default. Raises InvalidArgumentError, which names the
    invalid fields without their values.
    """
    try:
        return model.model_validate(_sent(request))
    except ValidationError as error:
        raise InvalidArgumentError(
            violations=tuple(
                violation_of(problem) for problem in error.errors(include_input=False, include_url=False)
            )
        ) from None


def _sent(request: Message) -> dict[str, object]:
    sent: dict[str, object] = {}
    for descriptor in request.DESCRIPTOR.fields:
        if descriptor.has_presence and not request.HasField(descriptor.name):
            continue
        value = getattr(request, descriptor.name)
        if descriptor.is_repeated:
            # A strict model does not accept protobuf's containers as lists.
            value = [_sent(one) if isinstance(one, Message) else one for one in value]
        elif isinstance(value, Timestamp):
            value = _datetime(descriptor.name, value)
        sent[descriptor.name] = value
    return sent


def _datetime(field: str, timestamp: Timestamp) -> datetime.datetime:
    try:
        return timestamp.ToDatetime(tzinfo=datetime.UTC)
    except (ValueError, OverflowError):
        expected = Localized(
            "应为公元 1 年到 9999 年之间的时间", "must be a time between year 1 and year 9999"
        )
        raise invalid(field, expected) from None
