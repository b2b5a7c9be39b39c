"""Text from elsewhere: made harmless for a terminal, and freed of what copying adds around it."""

import re
import unicodedata

# Cc: C0 and C1 controls, escape sequences begin with one. Cf: marks that reorder what is shown. Cs: halves of
# a character, which no encoding has.
_UNSAFE = {"Cc", "Cf", "Cs"}
_BEYOND_ASCII_CONTROLS = re.compile("[\x7f-\x9f]")
# A byte order mark, and marks without a width that web pages put between words.
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060"


def plain(text: object) -> str:
    """`text` on one line, with the replacement character for each control and formatting character."""
    return "".join("\ufffd" if unicodedata.category(one) in _UNSAFE else one for one in str(text))


def plain_json(document: str) -> str:
    """A JSON text with the control characters that JSON allows as they are escaped as well."""
    return _BEYOND_ASCII_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def trimmed(text: str) -> str:
    """`text` without blanks, line ends, byte order marks and zero-width marks at its beginning and end."""
    begin, end = 0, len(text)
    while begin < end and _is_filler(text[begin]):
        begin += 1
    while begin < end and _is_filler(text[end - 1]):
        end -= 1
    return text[begin:end]


def is_text(value: str) -> bool:
    """Whether UTF-8 can hold `value`: an argument of other bytes, or half a character in JSON, is no text."""
    return not any(unicodedata.category(one) == "Cs" for one in value)


def _is_filler(character: str) -> bool:
    return character.isspace() or character in _INVISIBLE
