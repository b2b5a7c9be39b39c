"""Access tokens: the check of one that comes from outside, and its removal from text that is shown."""

import os
import re

from fastmp.cli.failures import NotSignedInError
from fastmp.cli.plain_text import trimmed

# A token to use instead of the profile's.
VARIABLE = "FASTMP_TOKEN"
LONGEST_TOKEN = 8192
# RFC 6750's b64token: nothing that could end a header's line or be shown as anything else.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
# A JSON Web Token's header is a JSON object, and base64 of '{"' is always "eyJ".
_JSON_WEB_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*)?")
# Shorter text may be part of any word.
SHORTEST_SECRET = 8
HIDDEN = "[hidden]"


def checked(text: str, source: str) -> str:
    """`text` without the blanks, line ends and byte order marks around it, as an access token.

    Raises NotSignedInError, which names `source` and not the text, when that is no access token.
    """
    token = trimmed(text)
    if len(token) > LONGEST_TOKEN or not _TOKEN.fullmatch(token):
        raise NotSignedInError(
            f"{source} is not an access token",
            "A token is one word of ASCII letters, digits, '.', '_' and '-'",
        )
    return token


def scrubbed(text: str) -> str:
    """`text` with FASTMP_TOKEN's value, and everything that looks like a JSON Web Token, replaced by "[hidden]"."""
    given = trimmed(os.environ.get(VARIABLE, ""))
    if len(given) >= SHORTEST_SECRET:
        text = text.replace(given, HIDDEN)
    return _JSON_WEB_TOKEN.sub(HIDDEN, text)
