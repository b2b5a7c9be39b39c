"""Fills a stack's databases with any number of accounts, codes and cookies in all states.

PostgreSQL generates the rows, with all constraints, triggers and counts enabled; only the secondary indexes are
built afterwards, which takes a fraction of the time. All rows share one password and one cookie jar.
"""

import hashlib
import os
import secrets
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import psycopg
from cryptography.fernet import Fernet
from psycopg import sql

from bench.bench import PASSWORD, Bench
from bench.logins import ENVIRONMENT
from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack
from deploy.local.topology import SERVICES
from services.chassis.vault import Vault
from services.identity.passwords.hashes import SALT_BYTES, hash_password
from services.wechat_cookie.mp.cookies import Cookie, MpCookies
from tests.support.generous_limits import generous_environment
from tests.support.postgres import cluster_folder

FIRST_TOKEN = 1_000_000_000
# The number of a generated account that is active and has cookies.
ACTIVE_OWNER = 10
# Approximately the cookies of a login.
COOKIE_NAMES = (
    "slave_sid",
    "slave_user",
    "slave_bizuin",
    "data_ticket",
    "bizuin",
    "data_bizuin",
    "xid",
    "uuid",
)

# Accounts and codes are spread over the past year, and none expires during the measurement. A tenth of the accounts
# has redeemed a code; for a tenth of those, the access has ended.
_ACCOUNTS: LiteralString = """
INSERT INTO accounts (id, email, email_key, password_hash, role, activation_status, activation_code, expired_time,
    newest_token, created_at, updated_at)
SELECT md5('account ' || n)::uuid, email, email, %(password_hash)s, 'user',
    CASE WHEN redeemed THEN 'active' ELSE 'pending' END, CASE WHEN redeemed THEN md5('code ' || n) END,
    CASE WHEN redeemed THEN made + CASE WHEN n %% 100 = 0 THEN 1 ELSE 800 END * interval '1 day' END,
    extract(epoch FROM made)::bigint, made, made
FROM (SELECT n, n %% 10 = 0 AS redeemed, substr(md5('name ' || n), 1, 12) || '@example.com' AS email,
    now() - interval '1 day' - (n::float / %(count)s) * interval '365 days' AS made
    FROM generate_series(1, %(count)s) AS n) AS numbered
"""
_CODES: LiteralString = """
INSERT INTO activation_codes (id, activation_code, user_email, account_id, activation_status, expiry_date,
    activation_time, valid_days, create_time, update_time)
SELECT gen_random_uuid(), md5('code ' || n),
    CASE WHEN redeemed THEN substr(md5('name ' || n), 1, 12) || '@example.com' END,
    CASE WHEN redeemed THEN md5('account ' || n)::uuid END,
    CASE WHEN redeemed THEN 'active' WHEN n %% 1000 = 1 THEN 'revoked' ELSE 'pending' END,
    CASE WHEN redeemed THEN pg_temp.iso(made + CASE WHEN n %% 100 = 0 THEN 1 ELSE 800 END * interval '1 day') END,
    CASE WHEN redeemed THEN pg_temp.iso(made) END, 30, pg_temp.iso(made), pg_temp.iso(made)
FROM (SELECT n, n %% 10 = 0 AS redeemed,
    now() - interval '1 day' - (n::float / %(count)s) * interval '365 days' AS made
    FROM generate_series(1, %(count)s) AS n) AS numbered
"""
_ISO: LiteralString = """
CREATE FUNCTION pg_temp.iso(moment timestamptz) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') $$
"""
# Three for each owner, the newest current. Their tokens are as long as WeChat's.
_COOKIES: LiteralString = """
INSERT INTO cookies (id, token, owner_id, owner_email, created_time, expire_time, name, is_current, original_id,
    jar, revision)
SELECT md5('cookie ' || n)::uuid, (1000000000 + n)::text, md5('account ' || n / 3)::uuid,
    substr(md5('name ' || n / 3), 1, 12) || '@example.com', made, made + interval '88 hours', '公众号 ' || n,
    n %% 3 = 0, 'gh_' || n, %(jar)s, n
FROM (SELECT n, now() - interval '1 minute' - (n::float / %(count)s) * interval '80 hours' AS made
    FROM generate_series(1, %(count)s) AS n) AS numbered
"""

_INDEXES: LiteralString = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = %s::regclass AND NOT indisunique
"""


@contextmanager
def filled_stack(bench: Bench, count: int) -> Iterator[LocalStack]:
    """Runs a stack with `count` rows of each kind, in memory if there is enough: a disk's noise would hide the
    cost of the rows."""
    with cluster_folder() as folder:
        key = Fernet.generate_key().decode()
        settings = LocalSettings.side_by_side(folder / "state", jwt_secret=bench.jwt_secret, cookie_keys=key)
        environment = generous_environment(**ENVIRONMENT)
        with LocalStack(settings, wechat_emulator=(), environment=environment) as stack:
            # While running, it would delete folders without rows and write missing ones.
            stack.process("wechat_cookie").stop()
            urls = {service: stack.database_url(service) for service in SERVICES}
            fill(urls, stack.static_directory / "cookies", count, PASSWORD, Vault([key]))
            stack.restart("wechat_cookie")
            yield stack


def fill(urls: Mapping[str, str], folders: Path, count: int, password: str, vault: Vault) -> None:
    """Adds `count` rows of each kind to the databases at `urls`, by service, and each cookie's exported folder.

    `password` is the password of every account, and `vault` encrypts the jars.
    """
    cookies = [
        Cookie(name=name, value=secrets.token_hex(24), domain="mp.weixin.qq.com", path="/")
        for name in COOKIE_NAMES
    ]
    values = {
        "count": count,
        "password_hash": hash_password(password, secrets.token_bytes(SALT_BYTES)),
        "jar": vault.encrypt(MpCookies(cookies).to_json().encode()),
    }
    tables: list[tuple[str, str, LiteralString]] = [
        ("identity", "accounts", _ACCOUNTS),
        ("activation", "activation_codes", _CODES),
        ("wechat_cookie", "cookies", _COOKIES),
    ]
    with ThreadPoolExecutor(len(tables) + 1) as pool:
        work = [
            pool.submit(_fill_table, urls[service], table, rows, values) for service, table, rows in tables
        ]
        for done in [*work, pool.submit(_make_folders, folders, count)]:
            done.result()


def account_id(number: int) -> uuid.UUID:
    """Returns the id of a generated account by its number, from 1."""
    return uuid.UUID(bytes=hashlib.md5(f"account {number}".encode()).digest())


def _fill_table(url: str, table: LiteralString, rows: LiteralString, values: dict[str, object]) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET maintenance_work_mem = '256MB'")
        connection.execute(_ISO)
        indexes = connection.execute(_INDEXES, (table,)).fetchall()
        for name, _ in indexes:
            connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
        connection.execute(rows, values)
        for _, definition in indexes:
            connection.execute(definition)
        connection.commit()
        connection.autocommit = True
        connection.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(table)))


def _make_folders(directory: Path, count: int) -> None:
    """Creates the exported folder of each cookie with only its name and revision, as no more is compared."""
    root = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for number in range(1, count + 1):
            name = str(FIRST_TOKEN + number)
            os.mkdir(name, 0o700, dir_fd=root)
            os.utime(name, ns=(number * 1000, number * 1000), dir_fd=root)
    finally:
        os.close(root)
