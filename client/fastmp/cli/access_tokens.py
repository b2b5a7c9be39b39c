"""Access tokens: validating them, and removing them from text that is shown."""

import os
import re

from fastmp.cli.failures import NotSignedInError
from fastmp.cli.plain_text import trimmed

# The environment variable with a token to use instead of the profile's.
VARIABLE = "FASTMP_TOKEN"
LONGEST_TOKEN = 8192
# The b64token of RFC 6750. It excludes line ends, which could add headers, and characters that look like others.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
# A JSON Web Token's header is a JSON object, and base64 of '{"' is always "eyJ".
_JSON_WEB_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*)?")
# Shorter tokens are not removed: they could be part of an ordinary word.
SHORTEST_SECRET = 8
HIDDEN = "[hidden]"


def checked(text: str, source: str) -> str:
    """Returns the access token in `text`, without blanks, line ends and byte order marks around it.

    Raises NotSignedInError if it is not an access token. Its message contains `source` and never the text.
    """
    token = trimmed(text)
    if len(token) > LONGEST_TOKEN or not _TOKEN.fullmatch(token):
        raise NotSignedInError(
            f"{source} is not an access token",
            "A token is one word of ASCII letters, digits, '.', '_' and '-'",
        )
    return token


def scrubbed(text: str) -> str:
    """Returns `text` with the value of FASTMP_TOKEN and anything like a JSON Web Token replaced by "[hidden]"."""
    given = trimmed(os.environ.get(VARIABLE, ""))
    if len(given) >= SHORTEST_SECRET:
        text = text.replace(given, HIDDEN)
    return _JSON_WEB_TOKEN.sub(HIDDEN, text)
