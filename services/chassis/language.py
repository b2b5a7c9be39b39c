"""The languages of messages to people: a text in each, and the choice by Accept-Language."""

import enum
from dataclasses import dataclass

from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

# Longer than browsers send; a longer one is ignored.
LONGEST_ACCEPT_LANGUAGE = 500


class Language(enum.StrEnum):
    """A language of messages."""

    CHINESE = "zh"
    ENGLISH = "en"


@dataclass(frozen=True)
class Localized:
    """A text in each language, which may have `{name}` placeholders for with_values()."""

    zh: str
    en: str

    def in_language(self, language: Language) -> str:
        """Returns the text in `language`."""
        return self.en if language is Language.ENGLISH else self.zh

    def with_values(self, **values: "object | Localized") -> "Localized":
        """Returns the text with each `{name}` replaced by the value of that name, in the same language."""
        return Localized(*(self._filled(language, values) for language in Language))

    def _filled(self, language: Language, values: "dict[str, object | Localized]") -> str:
        texts = {
            name: value.in_language(language) if isinstance(value, Localized) else value
            for name, value in values.items()
        }
        return self.in_language(language).format_map(texts)


def preferred(accept_language: str) -> Language:
    """Returns the language that the value of an Accept-Language header prefers; Chinese without a preference."""
    if len(accept_language) > LONGEST_ACCEPT_LANGUAGE:
        return Language.CHINESE
    # From the most preferred to the least; "en-GB" is English, too.
    for tag, quality in parse_accept_header(accept_language, LanguageAccept):
        primary = tag.lower().partition("-")[0].partition("_")[0]
        if quality > 0 and primary in list(Language):
            return Language(primary)
    return Language.CHINESE
