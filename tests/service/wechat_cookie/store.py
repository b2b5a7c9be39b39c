"""A migrated database with a vault, folders and a clock that tests move: what cookie rules work on."""

import datetime
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import Connection, func, select

from services.chassis.postgres.database import Database
from services.chassis.vault import Vault
from services.wechat_cookie.cookies import reading, saving
from services.wechat_cookie.cookies.cookie import Cookie
from services.wechat_cookie.cookies.tables import cookies
from services.wechat_cookie.exported.directory import ExportDirectory
from services.wechat_cookie.exported.folders import Folders
from services.wechat_cookie.mp.cookies import Cookie as MpCookie
from services.wechat_cookie.mp.cookies import MpCookies

NOW = datetime.datetime(2026, 3, 1, 8, 0, 0, 123456, tzinfo=datetime.UTC)
ANN = uuid.UUID("00000000-0000-4000-8000-00000000000a")
BOB = uuid.UUID("00000000-0000-4000-8000-00000000000b")
EMAILS = {ANN: "Ann@example.com", BOB: "bob@example.com"}
SECRET = "canary-slave-sid-value"
JAR = MpCookies(
    [
        MpCookie(name="slave_sid", value=SECRET, domain="mp.weixin.qq.com", secure=True, expires=4102444800),
        MpCookie(name="data_ticket", value="canary-ticket", domain="mp.weixin.qq.com", secure=True),
    ]
)
JPEG = b"\xff\xd8\xff\xe0" + b"picture" * 20


@dataclass
class Clock:
    """The time that the service under test sees."""

    time: datetime.datetime = NOW

    def __call__(self) -> datetime.datetime:
        return self.time

    def move(self, **duration: float) -> None:
        self.time += datetime.timedelta(**duration)


@dataclass(frozen=True)
class Store:
    url: str = field(repr=False)
    database: Database
    vault: Vault
    directory: ExportDirectory
    folders: Folders
    root: Path
    clock: Clock

    def save(self, token: str, owner: uuid.UUID = ANN, original_id: str | None = None) -> Cookie:
        """Saves a cookie as a login does, a second later than the one before."""
        self.clock.move(seconds=1)
        with self.database.transaction() as connection:
            return saving.save(connection, self.vault, self.new(token, owner, original_id))

    def new(self, token: str, owner: uuid.UUID = ANN, original_id: str | None = None) -> saving.NewCookie:
        return saving.NewCookie(
            uuid.uuid4(),
            token,
            owner,
            EMAILS.get(owner, f"{owner}@example.com"),
            original_id,
            JAR,
            self.clock(),
        )

    def tokens(self, owner: uuid.UUID = ANN) -> list[str]:
        """The owner's listed tokens, newest first."""
        with self.database.direct() as connection:
            return [cookie.token for cookie in reading.list_cookies(connection, owner, self.clock())]

    def current(self, owner: uuid.UUID = ANN) -> str:
        with self.database.direct() as connection:
            return reading.current_cookie(connection, owner, self.clock()).token

    def currents(self, connection: Connection, owner: uuid.UUID) -> int:
        """How many of the owner's cookies are marked as current."""
        counted = select(func.count()).where(cookies.c.owner_id == owner, cookies.c.is_current)
        return int(connection.execute(counted).scalar_one())

    def count(self, owner: uuid.UUID) -> int:
        with self.database.reading() as connection:
            counted = select(func.count()).where(cookies.c.owner_id == owner)
            return int(connection.execute(counted).scalar_one())

    def with_vault(self, vault: Vault) -> "Store":
        """The same store as a process sees it that was started with other keys."""
        return replace(self, vault=vault, folders=Folders(self.database, vault, self.directory, self.clock))
