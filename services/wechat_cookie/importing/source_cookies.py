"""The cookies of a source: their rows, and their values from cookie.json. The pickle beside it is never opened."""

import datetime
import json
import uuid
from dataclasses import dataclass, field

from pydantic import ValidationError

from services.chassis.importing import values
from services.chassis.importing.handover import Handover
from services.chassis.importing.source import Row
from services.chassis.importing.values import LeftOutError
from services.wechat_cookie.cookies.saving import LIFETIME
from services.wechat_cookie.exported.contents import AVATAR_FILE, COOKIE_FILE
from services.wechat_cookie.importing.folders import MISSING_COOKIE_JSON, SourceFolders
from services.wechat_cookie.mp.addresses import is_token
from services.wechat_cookie.mp.cookies import Cookie, InvalidCookiesError, MpCookies
from services.wechat_cookie.mp.images import Image, recognise

BAD_TOKEN = "BAD_TOKEN"  # noqa: S105 - a reason
EXPIRED = "EXPIRED"
BAD_COOKIE_JSON = "BAD_COOKIE_JSON"

TABLE = "cookies"
REQUIRED = ("id", "token", "owner_email", "created_time", "expire_time")
OPTIONAL = ("name", "avatar_url", "local", "is_current", "health", "cooling_until")
MOST_JSON_BYTES = 1024 * 1024
MOST_AVATAR_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class SourceCookie:
    """A cookie with valid values."""

    id: uuid.UUID
    token: str = field(repr=False)
    owner_id: uuid.UUID
    owner_email: str
    created_time: datetime.datetime
    expire_time: datetime.datetime
    name: str
    avatar_url: str
    is_current: bool
    health: str
    cooling_until: datetime.datetime | None
    jar: MpCookies = field(repr=False)
    avatar: Image | None = field(repr=False)


def source_cookie(
    row: Row, handover: Handover, folders: SourceFolders, domain: str, now: datetime.datetime
) -> SourceCookie:
    """Returns the cookie of a row. `domain` is that of WeChat in cookies. Raises LeftOutError."""
    id_ = values.identifier(row["id"])
    token = row["token"] or ""
    if not is_token(token):
        raise LeftOutError(BAD_TOKEN)
    email = (row["owner_email"] or "").strip()
    owner_id = handover.accounts.get(email)
    if owner_id is None:
        raise LeftOutError(values.ACCOUNT_MISSING)
    created = values.needed_time(row["created_time"])
    latest = created + LIFETIME
    expires = min(values.time(row["expire_time"]) or latest, latest)
    if expires <= now:
        raise LeftOutError(EXPIRED)
    if not created < expires or created > now:
        raise LeftOutError(values.BAD_TIME)
    folder = row["local"] or f"static/cookies/{token}"
    content = folders.read(folder, COOKIE_FILE, MOST_JSON_BYTES)
    if content is None:
        raise LeftOutError(MISSING_COOKIE_JSON)
    health, cooling_until = _health(row)
    return SourceCookie(
        id_,
        token,
        owner_id,
        email,
        created,
        expires,
        row["name"] or "",
        row["avatar_url"] or "",
        values.flag(row["is_current"]),
        health,
        cooling_until,
        _jar(content, token, domain),
        _avatar(folders, folder),
    )


def _health(row: Row) -> tuple[str, datetime.datetime | None]:
    health = values.choice(row["health"] or "ok", ("ok", "dead", "cooling_down"), values.UNKNOWN_STATUS)
    cooling_until = values.time(row["cooling_until"])
    if health == "cooling_down" and cooling_until is not None:
        return health, cooling_until
    return ("dead" if health == "dead" else "ok"), None


def _jar(content: bytes, token: str, domain: str) -> MpCookies:
    try:
        stored = json.loads(content)
        if str(stored["token"]) != token:
            raise LeftOutError(BAD_COOKIE_JSON)
        pairs = [pair.strip().partition("=") for pair in stored["cookie"].split(";") if pair.strip()]
        # The file has the values alone; WeChat's cookies are for its whole site over HTTPS.
        jar = MpCookies(
            {
                name: Cookie(name=name, value=value, domain=domain, secure=True) for name, _, value in pairs
            }.values()
        )
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        ValidationError,
        InvalidCookiesError,
    ):
        # Without the cause, which may quote a value.
        raise LeftOutError(BAD_COOKIE_JSON) from None
    if not jar.has_session:
        raise LeftOutError(BAD_COOKIE_JSON)
    return jar


def _avatar(folders: SourceFolders, folder: str) -> Image | None:
    try:
        image = recognise(folders.read(folder, AVATAR_FILE, MOST_AVATAR_BYTES) or b"")
    except LeftOutError:
        # A cookie works without its picture.
        return None
    return image if image is not None and image.is_whole else None
