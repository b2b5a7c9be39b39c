"""A single-database FastMP as a team has it before it moves: its three tables and its cookies' folders."""

import datetime
import json
import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    DateTime,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    insert,
    make_url,
)
from sqlalchemy.pool import NullPool

from services.identity.passwords.hashes import hash_password

# passlib's default, with which such an application hashes.
OLD_ROUNDS = 29_000
PASSWORD = "correct horse"
CODE_DAYS = 30
JPEG = b"\xff\xd8\xff\xe0" + b"picture" * 20 + b"\xff\xd9"

metadata = MetaData()
accounts = Table(
    "accounts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("email", String(255)),
    Column("password_hash", String(255)),
    Column("role", String(20)),
    Column("activation_status", String(20)),
    Column("activation_code", String(64)),
    Column("expired_time", DateTime),
    Column("created_at", DateTime),
)
codes = Table(
    "activation_codes",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("activation_code", String(64)),
    Column("valid_days", Integer),
    Column("activation_status", String(20)),
    Column("user_email", String(255)),
    *(Column(name, String(64)) for name in ("expiry_date", "activation_time", "create_time", "update_time")),
)
cookies = Table(
    "cookies",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("token", String(64)),
    Column("owner_email", String(255)),
    Column("created_time", DateTime),
    Column("expire_time", DateTime),
    Column("name", String(255)),
    Column("avatar_url", String(2048)),
    Column("avatar", String(255)),
    Column("local", String(255)),
    Column("is_current", Boolean),
)


def utc_now() -> datetime.datetime:
    """The time as the old application stores it: UTC without a zone."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


@dataclass
class OldFastMP:
    """Rows and folders are added by methods that take changes of the usual values; nothing is checked.

    `url` is the database, `files` the folder of `static/cookies`.
    """

    url: str
    files: Path
    password_hash: str = field(
        default_factory=lambda: hash_password(PASSWORD, secrets.token_bytes(16), OLD_ROUNDS)
    )
    _tokens: int = 1_000_000

    def __post_init__(self) -> None:
        with self.writing() as connection:
            metadata.create_all(connection)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction, for rows by the thousand."""
        url = make_url(self.url)
        if url.get_backend_name() == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        engine = create_engine(url, poolclass=NullPool)
        with engine.begin() as connection:
            yield connection
        engine.dispose()

    def account(self, **changes: Any) -> dict[str, Any]:
        """A row of a pending account."""
        id_ = str(uuid.uuid4())
        usual = {
            "id": id_,
            "email": f"{id_[:13]}@example.com",
            "password_hash": self.password_hash,
            "role": "user",
            "activation_status": "pending",
            "activation_code": None,
            "expired_time": None,
            "created_at": utc_now() - datetime.timedelta(days=90),
        }
        return usual | changes

    def code(self, **changes: Any) -> dict[str, Any]:
        """A row of an unused code."""
        made = (utc_now() - datetime.timedelta(days=80)).isoformat()
        usual = {
            "id": str(uuid.uuid4()),
            "activation_code": secrets.token_hex(16),
            "valid_days": CODE_DAYS,
            "activation_status": "pending",
            **dict.fromkeys(("user_email", "expiry_date", "activation_time")),
            "create_time": made,
            "update_time": made,
        }
        return usual | changes

    def redeemed(self, email: str, days_ago: int = 10, **changes: Any) -> dict[str, Any]:
        """A row of a code that was redeemed some days ago."""
        time = utc_now() - datetime.timedelta(days=days_ago)
        redemption = {
            "activation_status": "active",
            "user_email": email,
            "activation_time": time.isoformat(),
            "expiry_date": (time + datetime.timedelta(days=CODE_DAYS)).isoformat(),
        }
        return self.code(**redemption | changes)

    def activated(self, code: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """A row of the account that carries the code."""
        carrying = {
            "email": code["user_email"],
            "activation_status": "active",
            "activation_code": code["activation_code"],
            "expired_time": datetime.datetime.fromisoformat(code["expiry_date"]),
        }
        return self.account(**carrying | changes)

    def cookie(self, email: str, hours_ago: int = 5, **changes: Any) -> dict[str, Any]:
        """A row of a current cookie."""
        self._tokens += 1
        time = utc_now() - datetime.timedelta(hours=hours_ago)
        usual = {
            "id": str(uuid.uuid4()),
            "token": str(self._tokens),
            "owner_email": email,
            "created_time": time,
            "expire_time": time + datetime.timedelta(hours=88),
            "name": "公众号",
            "avatar_url": "https://wx.qlogo.cn/mmhead/x/0",
            "local": f"static/cookies/{self._tokens}",
            "is_current": True,
        }
        return usual | changes

    def folder(self, cookie: dict[str, Any], official_account: str | None = None, **changes: Any) -> Path:
        """The exported folder of a cookie; its pickle would write the file `pickle-was-loaded` in `files`."""
        path = self.files / "static" / "cookies" / str(cookie["token"])
        path.mkdir(parents=True)
        user = official_account or f"gh_{cookie['token']}"
        usual = {"token": cookie["token"], "cookie": f"slave_sid=sid-{cookie['token']}; slave_user={user}"}
        (path / "cookie.json").write_text(json.dumps(usual | changes))
        marker = self.files / "pickle-was-loaded"
        (path / "gzhcookies.cookie").write_bytes(f"cbuiltins\nopen\n(S'{marker}'\nS'w'\ntR.".encode())
        (path / "avatar.jpg").write_bytes(JPEG)
        return path

    def write(self, **rows: list[dict[str, Any]]) -> None:
        """Inserts rows by table: accounts, codes, cookies."""
        with self.writing() as connection:
            for table in (accounts, codes, cookies):
                name = "codes" if table is codes else table.name
                if rows.get(name):
                    connection.execute(insert(table), rows[name])
