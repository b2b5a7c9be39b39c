"""Text from elsewhere, made harmless for a terminal: a name must not be able to move the cursor."""

import re
import unicodedata

# Cc: C0 and C1 controls, escape sequences begin with one. Cf: marks that reorder what is shown.
_UNSAFE = {"Cc", "Cf"}
_BEYOND_ASCII_CONTROLS = re.compile("[\x7f-\x9f]")


def plain(text: object) -> str:
    """`text` on one line, with the replacement character for each control and formatting character."""
    return "".join("\ufffd" if unicodedata.category(one) in _UNSAFE else one for one in str(text))


def plain_json(document: str) -> str:
    """A JSON text in which the controls that JSON allows as they are, are escaped, too."""
    return _BEYOND_ASCII_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", document)
