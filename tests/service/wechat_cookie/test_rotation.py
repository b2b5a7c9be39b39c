"""Keys are changed while the service runs: everything ends up under the first key, and nothing is lost."""

import uuid

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import insert, select, text, update

from services.chassis import key_rotation
from services.chassis.key_rotation import Rotated
from services.chassis.vault import Vault
from services.wechat_cookie import rotation
from services.wechat_cookie.cookies.tables import cookies, pending_logouts
from services.wechat_cookie.logins.rules import rules
from services.wechat_cookie.logins.rules.state import LoginLimits
from services.wechat_cookie.logins.store.rows import LoginRows
from services.wechat_cookie.logins.store.tables import logins
from services.wechat_cookie.metadata import metadata
from services.wechat_cookie.mp.cookies import MpCookies
from services.wechat_cookie.rotation import rotate
from tests.service.wechat_cookie.store import ANN, JAR, Store

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def old_store(store: Store) -> Store:
    """Five cookies, a login and a pending logout under the old key, read in batches of two."""
    old = store.with_vault(Vault([OLD]))
    for number in range(5):
        old.save(str(1000 + number))
    with old.database.transaction() as connection:
        started = rules.started("0" * 32, ANN, "ann@example.com", old.clock(), LoginLimits())
        LoginRows(old.vault, uuid.uuid4).insert(connection, started, old.clock())
        logout = {"id": uuid.uuid4(), "token": "1", "jar": old.vault.encrypt(JAR.to_json().encode())}
        connection.execute(insert(pending_logouts), logout)
    return old


def jars(store: Store) -> list[bytes]:
    with store.database.reading() as connection:
        return list(connection.execute(select(cookies.c.jar).order_by(cookies.c.token)).scalars())


def test_everything_ends_up_under_the_first_key(old_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_rotation, "BATCH", 2)
    assert rotate(old_store.database, Vault([NEW, OLD])) == Rotated(changed=7, unreadable=0)
    only_new = Vault([NEW])
    assert [MpCookies.from_json(only_new.decrypt(jar)) for jar in jars(old_store)] == [JAR] * 5
    with old_store.database.reading() as connection:
        only_new.decrypt(connection.execute(select(logins.c.cookies)).scalar_one())
    old_store.with_vault(only_new).folders.reconcile()
    assert len(old_store.directory.revisions()) == 5


def test_a_second_run_changes_nothing(old_store: Store) -> None:
    rotate(old_store.database, Vault([NEW, OLD]))
    before = jars(old_store)
    assert rotate(old_store.database, Vault([NEW, OLD])) == Rotated(changed=0, unreadable=0)
    assert jars(old_store) == before


def test_a_run_that_was_cut_off_is_finished_by_the_next(old_store: Store) -> None:
    both = Vault([NEW, OLD])
    with old_store.database.transaction() as connection:
        done = connection.execute(select(cookies.c.jar).where(cookies.c.token == "1002")).scalar_one()
        moved = both.re_encrypt(done)
        connection.execute(update(cookies).where(cookies.c.token == "1002").values(jar=moved))
    assert rotate(old_store.database, both).changed == 6
    assert jars(old_store)[2] == moved


def test_what_the_service_writes_meanwhile_stays_as_written(
    old_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = Vault([NEW, OLD])
    newer = both.encrypt(MpCookies().to_json().encode())
    write = key_rotation._write

    def written_in_between(database: object, *rest: object) -> int:
        with old_store.database.transaction() as connection:
            connection.execute(update(cookies).where(cookies.c.token == "1003").values(jar=newer))
        return write(database, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(key_rotation, "_write", written_in_between)
    assert rotate(old_store.database, both).changed == 6
    assert jars(old_store)[3] == newer


def test_what_no_key_opens_is_counted_left_alone_and_does_not_stop_the_rest(old_store: Store) -> None:
    lost = Vault([Fernet.generate_key().decode()]).encrypt(b"{}")
    with old_store.database.transaction() as connection:
        connection.execute(update(cookies).where(cookies.c.token == "1001").values(jar=lost))
    assert rotate(old_store.database, Vault([NEW, OLD])) == Rotated(changed=6, unreadable=1)
    assert jars(old_store)[1] == lost


def test_no_encrypted_column_is_forgotten(old_store: Store) -> None:
    # Fernet's version byte, base64-encoded, begins every ciphertext.
    found = set()
    with old_store.database.reading() as connection:
        for table in metadata.sorted_tables:
            for column in table.columns:
                if str(column.type) == "BYTEA" or column.type.python_type is bytes:
                    probe = text(f'SELECT 1 FROM {table.name} WHERE "{column.name}" LIKE :begin LIMIT 1')
                    if connection.execute(probe, {"begin": b"gAAAA%"}).first():
                        found.add(column)
    assert found == {one.column for one in rotation.ENCRYPTED}
