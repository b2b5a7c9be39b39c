"""A bad row is left out with its reason, and the rows beside it are imported."""

import datetime
import shutil
from pathlib import Path
from typing import Any

import pytest

from services.chassis.clock import utc_now
from services.wechat_cookie.importing.command import import_fastmp as import_cookies
from tests.service.importing.conftest import Importing, NewFastMP
from tests.support.old_fastmp import OldFastMP

PBKDF2 = "$pbkdf2-sha256$2400001$c2FsdHNhbHRzYWx0c2FsdA$" + 43 * "A"
BCRYPT = "$2b$15$NT0I31Sa7ihGEWpka9ASYeEFkhuTNeBQ2xfZskIiiJeyFXhRgS.Sy"


def reasons(lines: list[str], table: str) -> dict[str, str]:
    """The reason by id of the table's rows that were left out."""
    prefix = f"{table} "
    found = (line.removeprefix(prefix).split(": ") for line in lines if line.startswith(prefix))
    return dict(found)


def test_accounts(old: OldFastMP, importing: Importing, new: NewFastMP) -> None:
    good = old.account(email="ann@example.com", created_at=datetime.datetime(2024, 1, 1))  # noqa: DTZ001 - as stored
    bad: dict[str, list[dict[str, Any]]] = {
        "INVALID_EMAIL": [{"email": "no address"}, {"email": None}],
        "EMAIL_TAKEN": [{"email": "ANN@example.com"}],
        "UNKNOWN_STATUS": [{"activation_status": "paused"}],
        "UNKNOWN_ROLE": [{"role": "root"}, {"role": None}],
        "UNUSABLE_HASH": [{"password_hash": text} for text in ("plain", None, PBKDF2, BCRYPT)],
        "BAD_ID": [{"id": "17"}, {"id": "\x1b[2J"}],
        "BAD_TIME": [{"expired_time": None}],
    }
    rows = [(reason, old.account(**changes)) for reason, many in bad.items() for changes in many]
    old.write(accounts=[row for _, row in rows] + [good])
    with old.writing() as connection:
        wrong = next(row["id"] for reason, row in rows if reason == "BAD_TIME")
        connection.exec_driver_sql("UPDATE accounts SET expired_time = 'soon' WHERE id = ?", (wrong,))
    lines = importing(old)
    assert lines[0] == f"accounts: 1 imported, 0 already there, {len(rows)} left out"
    shown = {row["id"].replace("\x1b", "\\x1b"): reason for reason, row in rows}
    assert reasons(lines, "accounts") == shown
    assert [str(row[0]) for row in new.rows("identity", "SELECT id FROM accounts")] == [good["id"]]


def test_an_account_that_was_registered_with_the_address_first_gets_nothing(
    old: OldFastMP, importing: Importing, new: NewFastMP
) -> None:
    code = old.redeemed("ann@example.com")
    ann = old.activated(code)
    cookie = old.cookie("ann@example.com")
    old.folder(cookie)
    old.write(accounts=[ann], codes=[code], cookies=[cookie])
    other = OldFastMP(f"sqlite:///{old.files / 'other.db'}", old.files)
    registered = other.account(email="Ann@example.com")
    other.write(accounts=[registered])
    importing(other)
    lines = importing(old)
    assert reasons(lines, "accounts") == {ann["id"]: "EMAIL_TAKEN"}
    assert reasons(lines, "activation_codes") == {code["id"]: "ACCOUNT_MISSING"}
    assert reasons(lines, "cookies") == {cookie["id"]: "ACCOUNT_MISSING"}
    rows = new.rows("identity", "SELECT id::text, activation_status FROM accounts")
    assert rows == [(registered["id"], "pending")]


def test_codes(old: OldFastMP, importing: Importing, new: NewFastMP) -> None:
    ann = old.account(email="ann@example.com")
    good, redeemed = old.code(), old.redeemed("Ann@Example.com")
    bad = [
        ("BAD_CODE", old.code(activation_code="12345")),
        ("BAD_CODE", old.code(activation_code=None)),
        (
            "CODE_TAKEN",
            old.code(id="ffffffff" + good["id"][8:], activation_code=good["activation_code"].upper()),
        ),
        ("BAD_NUMBER", old.code(valid_days=3651)),
        ("BAD_NUMBER", old.code(valid_days=None)),
        ("UNKNOWN_STATUS", old.code(activation_status="sold")),
        ("BAD_TIME", old.code(create_time="yesterday")),
        ("REDEMPTION_INCOMPLETE", old.code(activation_status="active")),
        ("REDEMPTION_INCOMPLETE", old.redeemed("ann@example.com", activation_status="pending")),
        ("REDEMPTION_INCOMPLETE", old.redeemed("ann@example.com", expiry_date=None)),
        ("ACCOUNT_MISSING", old.redeemed("gone@example.com")),
        ("BAD_ID", old.code(id="17")),
    ]
    good["id"] = "00000000" + good["id"][8:]
    old.write(accounts=[ann], codes=[row for _, row in bad] + [good, redeemed])
    lines = importing(old)
    assert lines[1] == f"activation_codes: 2 imported, 0 already there, {len(bad)} left out"
    assert reasons(lines, "activation_codes") == {row["id"]: reason for reason, row in bad}
    stored = {str(row[0]) for row in new.rows("activation", "SELECT id FROM activation_codes")}
    assert stored == {good["id"], redeemed["id"]}


def linked(folder: Path, outside: Path) -> None:
    """Replaces the folder by a link to a copy."""
    shutil.move(folder, outside)
    folder.symlink_to(outside)


def linked_file(folder: Path, outside: Path) -> None:
    """Replaces cookie.json by a link to it."""
    shutil.move(folder / "cookie.json", outside)
    (folder / "cookie.json").symlink_to(outside)


def test_cookies(old: OldFastMP, importing: Importing, new: NewFastMP, tmp_path: Path) -> None:
    ann = old.account(email="ann@example.com")
    long_ago, soon = (datetime.datetime(year, 1, 1) for year in (2020, 2100))  # noqa: DTZ001 - as stored
    bad: list[tuple[str, dict[str, Any]]] = []

    def add(reason: str, **changes: Any) -> Path:
        cookie = old.cookie("ann@example.com", **changes)
        bad.append((reason, cookie))
        return old.folder({**cookie, "token": cookie["token"].replace("/", "-")})

    add("EXPIRED", expire_time=long_ago)
    add("EXPIRED", created_time=long_ago, expire_time=soon)
    add("BAD_TIME", created_time=soon, expire_time=soon + datetime.timedelta(hours=88))
    add("BAD_TOKEN", token="1/2")
    add("BAD_ID", id="17")
    add("ACCOUNT_MISSING", owner_email="gone@example.com")
    shutil.rmtree(add("MISSING_COOKIE_JSON"))
    (add("BAD_COOKIE_JSON") / "cookie.json").write_text("{")
    (add("BAD_COOKIE_JSON") / "cookie.json").write_text("[" * 100_000)
    (add("BAD_COOKIE_JSON") / "cookie.json").write_text('{"token": "7", "cookie": "slave_sid=x"}')
    unsigned = add("BAD_COOKIE_JSON")
    (unsigned / "cookie.json").write_text(f'{{"token": "{unsigned.name}", "cookie": "a=b"}}')
    injected = add("BAD_COOKIE_JSON")
    (injected / "cookie.json").write_text(f'{{"token": "{injected.name}", "cookie": "slave_sid=a\\r\\nb"}}')
    (add("TOO_LARGE") / "cookie.json").write_bytes(b" " * (1024 * 1024 + 1))
    add("OUTSIDE_FOLDER", local="static/../../elsewhere")
    add("OUTSIDE_FOLDER", local="/etc")
    linked(add("LINKED_FOLDER"), tmp_path / "a")
    linked_file(add("LINKED_FOLDER"), tmp_path / "b")
    good = old.cookie("ann@example.com", local=str(old.files / "static" / "cookies" / "42"), token="42")
    old.folder(good)
    old.write(accounts=[ann], cookies=[row for _, row in bad] + [good])
    lines = importing(old)
    assert reasons(lines, "cookies") == {row["id"]: reason for reason, row in bad}
    assert [str(row[0]) for row in new.rows("wechat_cookie", "SELECT id FROM cookies")] == [good["id"]]


def test_of_two_logins_of_one_official_account_the_newer_comes_over(
    old: OldFastMP, importing: Importing, new: NewFastMP
) -> None:
    ann = old.account(email="ann@example.com")
    older, newer, third = (old.cookie(ann["email"], hours, is_current=hours == 9) for hours in (7, 5, 9))
    for cookie in (older, newer):
        old.folder(cookie, official_account="gh_same")
    old.folder(third)
    old.write(accounts=[ann], cookies=[older, newer, third])
    assert reasons(importing(old), "cookies") == {older["id"]: "LOGGED_IN_SINCE"}
    rows = new.rows("wechat_cookie", "SELECT id::text, is_current FROM cookies ORDER BY is_current")
    assert rows == [(newer["id"], False), (third["id"], True)]


def test_the_folder_of_the_new_stack_is_refused_as_the_old_ones(
    new: NewFastMP, old: OldFastMP, importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    importing(old)
    monkeypatch.setenv("IMPORT_FILES", str(new.wechat_cookie.fastmp_state_dir))
    with pytest.raises(SystemExit) as ended:
        import_cookies(new.wechat_cookie, utc_now)
    assert ended.value.code == 1
