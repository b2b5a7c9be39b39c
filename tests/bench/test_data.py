"""The rows that benchmarks run on are rows as the services write them."""

import datetime
import uuid
from pathlib import Path

from cryptography.fernet import Fernet
from sqlalchemy import select

from bench.data import ACTIVE_OWNER, account_id, fill
from services.activation.codes.listing import Filter, read_page
from services.chassis.postgres.database import Database
from services.chassis.vault import Vault
from services.identity.accounts import accounts
from services.identity.accounts.listing import AccountFilter, list_accounts
from services.identity.passwords.hashes import verify_password
from services.identity.tables import accounts as accounts_table
from services.wechat_cookie.cookies.reading import list_cookies
from services.wechat_cookie.cookies.tables import cookies
from services.wechat_cookie.exported.directory import ExportDirectory
from services.wechat_cookie.exported.folders import Folders
from services.wechat_cookie.mp.cookies import MpCookies
from tests.support.postgres import FreshDatabase

ROWS = 300
SERVICES = ("identity", "activation", "wechat_cookie")


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def test_filled_databases_hold_what_the_services_read(fresh_database: FreshDatabase, tmp_path: Path) -> None:
    urls = {service: fresh_database(service) for service in SERVICES}
    vault, directory = Vault([Fernet.generate_key().decode()]), ExportDirectory(tmp_path)

    fill(urls, tmp_path, ROWS, "a password", vault)

    identity, activation, wechat_cookie = (Database(urls[service], pool_size=1) for service in SERVICES)
    with identity.snapshot() as connection:
        assert list_accounts(connection, AccountFilter(), now(), 10).total == ROWS
        owner = accounts.get(connection, account_id(ACTIVE_OWNER))
        assert owner.activation_status == "active"
        assert verify_password(
            "a password", connection.scalars(select(accounts_table.c.password_hash)).first() or ""
        )
    with activation.snapshot() as connection:
        every = read_page(connection, Filter(), 200, 0, now())
        assert (every.total, len(every.items)) == (ROWS, 200)
        assert read_page(connection, Filter(status="active"), 1, 0, now()).total == ROWS // 10 - ROWS // 100
        (redeemed,) = read_page(connection, Filter(email=owner.email), 2, 0, now()).items
        assert redeemed.user_email == owner.email
    with wechat_cookie.direct() as connection:
        found = list_cookies(connection, uuid.UUID(str(owner.id)), now())
    with wechat_cookie.reading() as connection:
        assert (len(found), sum(one.is_current for one in found)) == (3, 1)
        jar = connection.scalars(select(cookies.c.jar)).first()
        assert MpCookies.from_json(vault.decrypt(jar or b"")).has_session
    before = directory.revisions()
    assert len(before) == ROWS
    # Nothing is missing and nothing is too much: otherwise it would try to read, and to write.
    Folders(wechat_cookie, Vault([Fernet.generate_key().decode()]), directory, now).reconcile()
    assert directory.revisions() == before
    for database in (identity, activation, wechat_cookie):
        database.dispose()
