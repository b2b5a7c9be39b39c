"""An import brings everything over with its ids, writes the feed and the audit logs, and can be repeated."""

import datetime
import hashlib
import uuid
from pathlib import Path

import pytest
from sqlalchemy import exc, text

from services.chassis.importing.source import Source, SourceError
from services.chassis.vault import Vault
from services.wechat_cookie.exported.directory import ExportDirectory
from services.wechat_cookie.exported.folders import Folders
from services.wechat_cookie.mp.cookies import MpCookies
from tests.service.importing.conftest import Importing, NewFastMP
from tests.support.old_fastmp import JPEG, OldFastMP


def content(folder: Path) -> dict[str, str]:
    """The digests of all files below the folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_everything_comes_over_once(
    kind: str, new: NewFastMP, importing: Importing, request: pytest.FixtureRequest
) -> None:
    old: OldFastMP = request.getfixturevalue("old")
    if kind == "postgresql":
        old = OldFastMP(request.getfixturevalue("postgres_source"), old.files)
    code, pending = old.redeemed("ann@example.com"), old.code()
    ann = old.activated(code, role="admin")
    bob = old.account(email="Bob@Example.com")
    cookie = old.cookie("ann@example.com")
    old.folder(cookie)
    old.write(accounts=[ann, bob], codes=[code, pending], cookies=[cookie])
    before = content(old.files)

    assert importing(old) == [
        "accounts: 2 imported, 0 already there, 0 left out",
        "activation_codes: 2 imported, 0 already there, 0 left out",
        "cookies: 1 imported, 0 already there, 0 left out",
    ]

    query = "SELECT id, email, role, activation_status, activation_code, password_hash FROM accounts ORDER BY role"
    columns = ("id", "email", "role", "activation_status", "activation_code", "password_hash")
    assert [tuple(map(str, row)) for row in new.rows("identity", query)] == [
        tuple(str(row[column]) for column in columns) for row in (ann, bob)
    ]
    (expired_time,) = new.rows("identity", "SELECT expired_time FROM accounts WHERE role = 'admin'")[0]
    assert expired_time == ann["expired_time"].replace(tzinfo=datetime.UTC)
    query = "SELECT id, activation_status, account_id FROM activation_codes ORDER BY activation_status"
    assert new.rows("activation", query) == [
        (uuid.UUID(code["id"]), "active", uuid.UUID(ann["id"])),
        (uuid.UUID(pending["id"]), "pending", None),
    ]
    query = "SELECT id, owner_id, is_current, jar, avatar FROM cookies"
    ((cookie_id, owner_id, is_current, jar, avatar),) = new.rows("wechat_cookie", query)
    assert (str(cookie_id), str(owner_id), is_current) == (cookie["id"], ann["id"], True)
    assert isinstance(jar, bytes)
    assert f"sid-{cookie['token']}".encode() not in jar
    values = MpCookies.from_json(new.wechat_cookie.vault.decrypt(jar))
    assert values.header_for("https", "mp.weixin.qq.com", "/", 0) == (
        f"slave_sid=sid-{cookie['token']}; slave_user=gh_{cookie['token']}"
    )
    assert avatar == JPEG

    # Every account is in the feed, and the audit logs have the import.
    changed = new.rows("identity", "SELECT account_id::text, kind FROM account_changes")
    assert set(changed) == {(ann["id"], "changed"), (bob["id"], "changed")}
    for service, action, count in (
        ("identity", "accounts_imported", "2"),
        ("activation", "codes_imported", "2"),
        ("wechat_cookie", "cookies_imported", "1"),
    ):
        entries = new.rows(service, "SELECT action, actor, details->>'count' FROM audit_log")
        assert entries == [(action, "service:import-fastmp", count)]

    first = new.digest()
    assert importing(old) == [
        "accounts: 0 imported, 2 already there, 0 left out",
        "activation_codes: 0 imported, 2 already there, 0 left out",
        "cookies: 0 imported, 1 already there, 0 left out",
    ]
    assert new.digest() == first
    assert content(old.files) == before


def test_the_service_itself_makes_the_exported_folder_and_no_pickle_is_loaded(
    new: NewFastMP, old: OldFastMP, importing: Importing
) -> None:
    ann = old.account()
    cookie = old.cookie(ann["email"])
    old.folder(cookie)
    old.write(accounts=[ann], cookies=[cookie])
    importing(old)
    directory = ExportDirectory(new.wechat_cookie.export_root)
    vault: Vault = new.wechat_cookie.vault
    now = datetime.datetime.now(datetime.UTC)
    Folders(new.databases["wechat_cookie"], vault, directory, lambda: now).reconcile()
    folder = new.wechat_cookie.export_root / cookie["token"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "avatar.jpg",
        "cookie.json",
        "gzhcookies.cookie",
    ]
    assert not (old.files / "pickle-was-loaded").exists()


def test_a_source_cannot_be_written(old: OldFastMP, postgres_source: str) -> None:
    for url in (old.url, OldFastMP(postgres_source, old.files).url):
        with Source.open(url) as source, pytest.raises(exc.DBAPIError, match=r"read.?only"):
            source._connection.execute(text("DELETE FROM accounts"))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite:////nowhere/fastmp.db", "unable to open database file"),
        ("postgresql://old:secret-pass@127.0.0.1:1/old", "refused"),
        ("sqlite://", "must be postgresql"),
        ("mysql://old:secret-pass@127.0.0.1/old", "must be postgresql"),
    ],
)
def test_one_line_says_why_a_source_cannot_be_read(url: str, why: str) -> None:
    with pytest.raises(SourceError, match=why) as raised, Source.open(url):
        pass
    assert "secret-pass" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_table_or_column_is_named(old: OldFastMP) -> None:
    with Source.open(old.url) as source:
        with pytest.raises(SourceError, match="there is no table users"):
            list(source.rows("users", ("id",)))
        with pytest.raises(SourceError, match="the table accounts has no column hash"):
            list(source.rows("accounts", ("id", "hash")))
