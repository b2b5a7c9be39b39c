"""Saved cookies, written directly to WeChatCookie's database as after a login."""

import datetime
import secrets
import uuid

from sqlalchemy import insert, update

from services.chassis.postgres.database import Database
from services.wechat_cookie.cookies.tables import cookies
from tests.support.ready_accounts import ReadyAccount

KEPT = datetime.timedelta(hours=88)
AVATAR_BYTES = 20_000


def save_cookies(database_url: str, owners: list[ReadyAccount], each: int) -> None:
    """Saves `each` unexpired cookies for each owner, one of them current. Their jars cannot be decrypted."""
    now = datetime.datetime.now(datetime.UTC)
    rows = [_row(owner, number, now) for owner in owners for number in range(each)]
    database = Database(database_url, pool_size=1, application_name="bench-cookies")
    try:
        with database.transaction() as connection:
            connection.execute(insert(cookies), rows)
    finally:
        database.dispose()


def give_avatar(database_url: str, token: str) -> None:
    """Saves an avatar of usual size for one cookie."""
    picture = update(cookies).where(cookies.c.token == token)
    database = Database(database_url, pool_size=1, application_name="bench-cookies")
    try:
        with database.transaction() as connection:
            connection.execute(picture.values(avatar=bytes(AVATAR_BYTES), avatar_type="image/jpeg"))
    finally:
        database.dispose()


def _row(owner: ReadyAccount, number: int, now: datetime.datetime) -> dict[str, object]:
    return {
        "id": uuid.uuid4(),
        # As long as those of WeChat, and unique.
        "token": str(10**18 + secrets.randbelow(10**18)),
        "owner_id": uuid.UUID(owner.id),
        "owner_email": owner.email,
        "created_time": now - datetime.timedelta(minutes=number),
        "expire_time": now + KEPT,
        "name": f"公众号 {number}",
        "avatar_url": "https://mmbiz.qpic.cn/mmbiz_png/0",
        "is_current": number == 0,
        "original_id": f"gh_{number:012d}",
        "jar": bytes(400),
        "revision": number,
    }
