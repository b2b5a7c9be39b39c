"""The store of cookies, for all tests of this service."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from services.chassis.postgres.database import Database
from services.chassis.vault import Vault
from services.wechat_cookie.exported.directory import ExportDirectory
from services.wechat_cookie.exported.folders import Folders
from tests.service.wechat_cookie.store import Clock, Store
from tests.support.postgres import FreshDatabase


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(fresh_database: FreshDatabase, tmp_path: Path, clock: Clock) -> Iterator[Store]:
    url = fresh_database("wechat_cookie")
    database = Database(url, pool_size=16)
    vault = Vault([Fernet.generate_key().decode()])
    root = tmp_path / "state" / "static" / "cookies"
    directory = ExportDirectory(root)
    yield Store(url, database, vault, directory, Folders(database, vault, directory, clock), root, clock)
    database.dispose()
