"""The cookies of a login as a value, with conversions to JSON, to a header and to a cookie jar."""

import http.cookiejar
import re
from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from requests.cookies import RequestsCookieJar, create_cookie

SESSION_COOKIE = "slave_sid"
ORIGINAL_ID_COOKIE = "slave_user"
UUID_COOKIE = "uuid"

MOST_COOKIES = 64
MOST_VALUE_LENGTH = 4096

_DELETED = "EXPIRED"
_NAME = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
# Characters that do not end the pair or the Cookie header: printable ASCII without the semicolon.
_VALUE = r"^[ -:<-~]*$"
ORIGINAL_ID = re.compile(r"gh_[0-9a-zA-Z]{1,32}")


class InvalidCookiesError(ValueError):
    """Not the output of `MpCookies.to_json`, or more than MOST_COOKIES cookies."""


class Cookie(BaseModel):
    """A cookie. `domain` begins with a dot if subdomains get it, too; `expires` is in seconds since 1970, or
    None for a session cookie."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, Field(pattern=_NAME, max_length=256)]
    value: Annotated[str, Field(pattern=_VALUE, max_length=MOST_VALUE_LENGTH, repr=False)]
    domain: Annotated[str, Field(min_length=1, max_length=255)]
    path: Annotated[str, Field(pattern=r"^/", max_length=1024)] = "/"
    secure: bool = False
    expires: Annotated[int, Field(ge=-(2**53), le=2**53)] | None = None
    http_only: bool = False

    def goes_to(self, scheme: str, host: str, path: str, now: float) -> bool:
        """Returns whether a request at `now` (seconds since 1970) sends it, see RFC 6265, section 5.4."""
        if self.secure and scheme != "https":
            return False
        if self.expires is not None and self.expires <= now:
            return False
        if host != self.domain and not (self.domain.startswith(".") and f".{host}".endswith(self.domain)):
            return False
        return path == self.path or path.startswith(self.path if self.path.endswith("/") else self.path + "/")


_COOKIES = TypeAdapter(Annotated[tuple[Cookie, ...], Field(max_length=MOST_COOKIES)])


class MpCookies:
    """The cookies of a login. Immutable. The repr contains the names without the values."""

    __slots__ = ("_cookies",)

    def __init__(self, cookies: Iterable[Cookie] = ()) -> None:
        """
        Raises:
            InvalidCookiesError: there are more than MOST_COOKIES.
        """
        # Longer paths come first in the header; sorted once instead of for every request.
        self._cookies = tuple(sorted(cookies, key=lambda cookie: -len(cookie.path)))
        if len(self._cookies) > MOST_COOKIES:
            raise InvalidCookiesError(f"more than {MOST_COOKIES} cookies")

    def __repr__(self) -> str:
        return f"MpCookies({', '.join(cookie.name for cookie in self._cookies)})"

    def __iter__(self) -> Iterator[Cookie]:
        return iter(self._cookies)

    def __len__(self) -> int:
        return len(self._cookies)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MpCookies) and set(self._cookies) == set(other._cookies)

    def __hash__(self) -> int:
        return hash(frozenset(self._cookies))

    def get(self, name: str) -> Cookie | None:
        """Returns the cookie called `name`, the one with the longest path if there are several."""
        return next((cookie for cookie in self._cookies if cookie.name == name), None)

    @property
    def original_id(self) -> str | None:
        """The account's original id (`gh_…`), known after the last step."""
        cookie = self.get(ORIGINAL_ID_COOKIE)
        return cookie.value if cookie is not None and ORIGINAL_ID.fullmatch(cookie.value) else None

    @property
    def has_session(self) -> bool:
        """Whether there is a `slave_sid` cookie, which a finished login has."""
        cookie = self.get(SESSION_COOKIE)
        return cookie is not None and cookie.value != ""

    def with_cookie(self, cookie: Cookie) -> "MpCookies":
        """Returns these cookies and `cookie`, which replaces the one of the same name, domain and path."""
        key = (cookie.name, cookie.domain, cookie.path)
        return MpCookies([*(c for c in self._cookies if (c.name, c.domain, c.path) != key), cookie])

    def without(self, name: str) -> "MpCookies":
        """Returns these cookies without those called `name`."""
        return MpCookies(cookie for cookie in self._cookies if cookie.name != name)

    def header(self) -> str:
        """Returns all cookies as "a=b; c=d". A secret."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._cookies)

    def header_for(self, scheme: str, host: str, path: str, now: float) -> str | None:
        """Returns the Cookie header of a request at `now` (seconds since 1970), or None without cookies."""
        sent = [
            f"{cookie.name}={cookie.value}"
            for cookie in self._cookies
            if cookie.goes_to(scheme, host, path, now)
        ]
        return "; ".join(sent) or None

    def to_json(self) -> str:
        """Returns all cookies with all attributes, for `from_json`. A secret."""
        return _COOKIES.dump_json(self._cookies).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> "MpCookies":
        """Returns the cookies that `to_json` wrote.

        Raises:
            InvalidCookiesError: `text` is something else. The message does not contain it.
        """
        try:
            return cls(_COOKIES.validate_json(text))
        except ValidationError:
            # Raised below, outside of this block, so that the context of the error contains no values.
            pass
        raise InvalidCookiesError("stored cookies are not readable")

    def to_jar(self) -> RequestsCookieJar:
        """Returns a new cookie jar of `requests`."""
        jar = RequestsCookieJar()
        for cookie in self._cookies:
            jar.set_cookie(_for_jar(cookie))
        return jar

    @classmethod
    def from_jar(cls, jar: http.cookiejar.CookieJar) -> "MpCookies":
        """Returns the jar's cookies except those that are invalid in a header or that WeChat marks as deleted.

        Raises:
            InvalidCookiesError: there are more than MOST_COOKIES.
        """
        return cls(cookie for entry in jar if (cookie := _from_jar(entry)) is not None)


def _for_jar(cookie: Cookie) -> http.cookiejar.Cookie:
    made: http.cookiejar.Cookie = create_cookie(  # type: ignore[no-untyped-call]
        cookie.name,
        cookie.value,
        domain=cookie.domain,
        path=cookie.path,
        secure=cookie.secure,
        expires=cookie.expires,
        discard=cookie.expires is None,
        rest={"HttpOnly": ""} if cookie.http_only else {},
    )
    return made


def _from_jar(entry: http.cookiejar.Cookie) -> Cookie | None:
    if entry.value == _DELETED:
        return None
    try:
        return Cookie(
            name=entry.name,
            value=entry.value or "",
            domain=entry.domain,
            path=entry.path,
            secure=entry.secure,
            expires=entry.expires,
            http_only=entry.has_nonstandard_attr("HttpOnly") or entry.has_nonstandard_attr("httponly"),
        )
    except ValidationError:
        # Browsers ignore such a cookie as well; sending it would break the request.
        return None
