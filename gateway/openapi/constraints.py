"""Constraints on the values of fields, parsed from the fixed phrases in which the comments state them."""

import re
from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]

_WORD = r'"([^"]+)"'
# A list that continues with "or" and an unquoted word is not complete, and no enumeration; nor is a word that is
# explained after a colon, because others may follow.
_LIST = re.compile(rf"{_WORD}(?:, {_WORD})*(?: or {_WORD})?(?!,? or |, {_WORD}|:)")
_RANGE = re.compile(r"^(\d+) to ([\d,]+)\b(?! characters)")
_FROM = re.compile(r"^From (\d+)\b")
_DEFAULT = re.compile(r"default (\d+|true|false)\b")


def constraints_of(comment: str, json_type: str) -> Schema:
    """Returns the JSON Schema keywords for the constraints in the comment of a field of the JSON type."""
    if json_type == "string":
        return _of_text(comment)
    found: Schema = {}
    if json_type == "integer":
        if match := _RANGE.search(comment):
            found = {"minimum": int(match[1]), "maximum": _number(match[2])}
        elif match := _FROM.search(comment):
            found = {"minimum": int(match[1])}
    if json_type in {"integer", "boolean"} and (match := _DEFAULT.search(comment)):
        found["default"] = match[1] == "true" if json_type == "boolean" else int(match[1])
    return found


def _of_text(comment: str) -> Schema:
    for pattern, schema in _TEXTS:
        if match := pattern.match(comment):
            return schema(match)
    return {}


def _number(text: str) -> int:
    return int(text.replace(",", ""))


# The first pattern that matches is used.
_TEXTS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Schema]], ...] = (
    (re.compile(rf"Always {_WORD}"), lambda match: {"const": match[1]}),
    (_LIST, lambda match: {"enum": re.findall(_WORD, match[0])}),
    (re.compile("UUID"), lambda _: {"format": "uuid"}),
    (re.compile("32 hex digits"), lambda _: {"pattern": "^[0-9A-Fa-f]{32}$"}),
    (
        re.compile(r".*?\b(\d+) to ([\d,]+) characters"),
        lambda match: {"minLength": int(match[1]), "maxLength": _number(match[2])},
    ),
    (re.compile(r".*?\b[Aa]t most ([\d,]+) characters"), lambda match: {"maxLength": _number(match[1])}),
)
