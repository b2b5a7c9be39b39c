"""Parses name and avatar in the home page's inline script, in time linear in the page's length.

WeChat writes it in one of two forms: assignments `wx.cgiData.nick_name = "…"`, or the object literal
`window.wx.commonData = {… nick_name: "…", head_img: '…' …}`, or in both. Each is read with either kind of quotes.
"""

import html
import re
import sys
import unicodedata
from collections.abc import Iterable

from services.wechat_cookie.mp.addresses import Origin, avatar_address
from services.wechat_cookie.mp.cookies import ORIGINAL_ID
from services.wechat_cookie.mp.errors import HomePageUnknownError, SessionInvalidError
from services.wechat_cookie.mp.results import Profile

LOGGED_OUT_TEXT = "登录超时"
LOGGED_OUT_RET = 200003

_MOST_OBJECT_LENGTH = 256 * 1024
# Far above the longest real value, and below the number of digits that int() refuses, which html.unescape
# would reach with "&#999…;".
_MOST_VALUE_LENGTH = 2048
_MOST_NAME_LENGTH = 100

# Every match consumes what it has read, also without the closing quote, and the repetitions are
# possessive, so that every character is read a constant number of times at most.
_STRING = r"""(?:"((?:[^"\\\r\n]|\\[^\r\n])*+)("?)|'((?:[^'\\\r\n]|\\[^\r\n])*+)('?))"""
_KEYS = r"(nick_name|head_img|user_name|alias)"
_ASSIGNMENT = re.compile(rf"\bwx\.cgiData\.{_KEYS}\s{{0,32}}+=\s{{0,32}}+{_STRING}")
_OBJECT_START = re.compile(r"\bwx\.commonData\s{0,32}+=\s{0,32}+\{")
# Whole strings are an alternative, so that a key inside a user's text does not match.
_MEMBER = re.compile(rf"""(?<![\w$.])["']?{_KEYS}["']?\s{{0,32}}+:\s{{0,32}}+{_STRING}|{_STRING}""")

_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}|(.))", re.DOTALL)
_SIMPLE_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}


def read_home_page(body: bytes, wechat: Origin) -> Profile:
    """Returns the account on the page of a logged-in user. All text is unescaped and without control characters.

    Raises:
        SessionInvalidError: the page, with HTTP status 200, says that the login has ended.
        HomePageUnknownError: the page has neither of the forms.
    """
    page = body.decode("utf-8", "replace")
    # A page may have both forms, and each may lack values of the other.
    found = _members(page)
    found |= {key: value for key, value in _assignments(page).items() if value or key not in found}
    if not found.get("nick_name") and LOGGED_OUT_TEXT in page:
        raise SessionInvalidError(LOGGED_OUT_RET)
    if not found:
        raise HomePageUnknownError
    original_id = found.get("user_name", "")
    return Profile(
        name=found.get("nick_name", "")[:_MOST_NAME_LENGTH].strip(),
        avatar_url=avatar_address(found.get("head_img", ""), wechat),
        original_id=original_id if ORIGINAL_ID.fullmatch(original_id) else None,
        alias=found.get("alias", "")[:_MOST_NAME_LENGTH].strip(),
    )


def _assignments(page: str) -> dict[str, str]:
    return _first_values(_ASSIGNMENT.finditer(page))


def _members(page: str) -> dict[str, str]:
    start = _OBJECT_START.search(page)
    if start is None:
        return {}
    return _first_values(_MEMBER.finditer(page, start.end(), start.end() + _MOST_OBJECT_LENGTH))


def _first_values(matches: Iterable[re.Match[str]]) -> dict[str, str]:
    values: dict[str, str] = {}
    for match in matches:
        key, double, double_end, single, single_end = match.groups()[:5]
        if key is not None and key not in values and (double_end or single_end):
            values[key] = _text(double if double is not None else single)
    return values


def _text(literal: str) -> str:
    if len(literal) > _MOST_VALUE_LENGTH:
        return ""
    unescaped = html.unescape(_ESCAPE.sub(_character, literal))
    # Joins surrogate pairs such as \ud83d\ude00, and drops surrogates without a partner.
    whole = unescaped.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return "".join(character for character in whole if unicodedata.category(character) != "Cc")


def _character(escape: re.Match[str]) -> str:
    hexadecimal = escape[1] or escape[2] or escape[3]
    if hexadecimal is None:
        return _SIMPLE_ESCAPES.get(escape[4], escape[4])
    code = int(hexadecimal, 16)
    return chr(code) if code <= sys.maxunicode else "\ufffd"
