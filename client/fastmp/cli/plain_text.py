"""Sanitizing of text: without control characters for terminals, without what copying adds around it."""

import re
import unicodedata

# Cc: C0 and C1 controls, with which escape sequences begin. Cf: formatting characters, which can reorder text.
# Cs: surrogates, which cannot be encoded.
_UNSAFE = {"Cc", "Cf", "Cs"}
_BEYOND_ASCII_CONTROLS = re.compile("[\x7f-\x9f]")
# A byte order mark, and zero-width characters that web pages put between words.
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060"


def plain(text: object) -> str:
    """Returns `text` on one line, with control and formatting characters replaced by U+FFFD."""
    return "".join("\ufffd" if unicodedata.category(one) in _UNSAFE else one for one in str(text))


def plain_json(document: str) -> str:
    """Returns a JSON text with those control characters escaped that JSON allows unescaped."""
    return _BEYOND_ASCII_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def trimmed(text: str) -> str:
    """Returns `text` without blanks, line ends, byte order marks and zero-width characters at both ends."""
    begin, end = 0, len(text)
    while begin < end and _is_filler(text[begin]):
        begin += 1
    while begin < end and _is_filler(text[end - 1]):
        end -= 1
    return text[begin:end]


def is_text(value: str) -> bool:
    """Whether `value` can be encoded in UTF-8: it has no surrogates, as from undecodable arguments or from JSON."""
    return not any(unicodedata.category(one) == "Cs" for one in value)


def _is_filler(character: str) -> bool:
    return character.isspace() or character in _INVISIBLE
