"""Every field of every request, given invalid values: the error is a sentence for people, in both languages."""

import datetime
import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest
from pydantic import ValidationError
from pydantic_core import ErrorDetails

import services
from services.chassis.language import Localized
from services.chassis.validation import Values
from services.chassis.violations import _ANYTHING_ELSE, FIELDS, violation_of
from services.identity.api.requests import RegisterValues

# Too short, too long, of a wrong type, or a wrong value, whatever the field is.
WRONG: tuple[object, ...] = (
    "", "x", "x" * 5000, "1" * 40, "\0", "ÿ@", -1, 0, 10**12, 1.5, True, None, [], {}, ["x"], [None],
    ["1" * 40] * 2000, datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
)  # fmt: skip
# Words of pydantic's messages and of regular expressions.
NOT_FOR_PEOPLE = re.compile(r"Input|String|should|Value error|validation|pattern|instance of|[\^\[\]\\{}$]")
CHINESE = r"[\u4e00-\u9fff]"


def _models(base: type[Values] = Values) -> Iterator[type[Values]]:
    for model in base.__subclasses__():
        if model.__module__.startswith("services."):
            yield model
        yield from _models(model)


def _import_all() -> None:
    for module in pkgutil.walk_packages(services.__path__, "services."):
        if module.name.endswith((".requests", ".audit.api")):
            importlib.import_module(module.name)


_import_all()
FIELDS_OF_REQUESTS = sorted(
    {(model.__module__, model.__name__, name) for model in _models() for name in model.model_fields}
)


@pytest.mark.parametrize(("module", "model_name", "name"), FIELDS_OF_REQUESTS)
def test_an_invalid_value_is_described_for_people(module: str, model_name: str, name: str) -> None:
    model: type[Values] = getattr(importlib.import_module(module), model_name)
    refused = 0
    for value in WRONG:
        for problem in _problems(model, {name: value}):
            if problem["loc"][:1] == (name,):
                refused += 1
                described = violation_of(problem).description
                assert re.fullmatch(rf"{FIELDS[name]}.*{CHINESE}.*", described.zh), described.zh
                assert re.fullmatch(rf"{name}(\.\d+)?: [a-z].*[^.]", described.en), described.en
                assert not re.search(CHINESE, described.en), described.en
                assert not NOT_FOR_PEOPLE.search(described.zh + described.en), described
                assert _ANYTHING_ELSE.en not in described.en, (problem["type"], value)
    assert refused


def test_a_missing_field_is_named() -> None:
    described = [violation_of(problem).description for problem in _problems(RegisterValues, {})]
    assert described == [
        Localized("邮箱不能缺少", "email: must be given"),
        Localized("密码不能缺少", "password: must be given"),
    ]


@pytest.mark.parametrize(
    ("password", "zh", "en"),
    [
        ("", "密码至少 6 个字符", "password: at least 6 characters"),
        ("short", "密码至少 6 个字符", "password: at least 6 characters"),
        ("x" * 129, "密码最多 128 个字符", "password: at most 128 characters"),
        ("with\0zero", "密码不能包含控制字符", "password: must not contain control characters"),
    ],
)
def test_a_password_says_what_it_needs(password: str, zh: str, en: str) -> None:
    problems = _problems(RegisterValues, {"email": "ann@fastmp.test", "password": password})
    assert [violation_of(problem).description for problem in problems] == [Localized(zh, en)]


def _problems(model: type[Values], values: dict[str, object]) -> list[ErrorDetails]:
    try:
        model.model_validate(values)
    except ValidationError as error:
        return error.errors(include_input=False, include_url=False)
    return []
