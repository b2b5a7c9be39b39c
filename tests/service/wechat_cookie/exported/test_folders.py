"""Exported folders follow the database: made, replaced, removed, and made again when they are lost."""

import json
import logging
import pickle
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from services.chassis.postgres.notifications import Listener
from services.chassis.vault import Vault
from services.wechat_cookie.cookies import cascade, changing, owners, saving
from services.wechat_cookie.cookies.sweeper import Sweeper
from services.wechat_cookie.exported.directory import WORKSHOP, ExportDirectory
from services.wechat_cookie.exported.folders import Folders
from services.wechat_cookie.exported.keeper import FolderKeeper
from services.wechat_cookie.mp.images import Image
from tests.service.wechat_cookie.store import ANN, JPEG, SECRET, Store
from tests.support.waiting import wait_until

READ_THE_JAR = """
import pickle, sys, requests
jar = pickle.load(open(sys.argv[1], "rb"))
assert type(jar) is requests.cookies.RequestsCookieJar, type(jar)
session = requests.Session()
session.cookies = jar
prepared = session.prepare_request(requests.Request("GET", "https://mp.weixin.qq.com/"))
print(prepared.headers["Cookie"])
"""


def complete(store: Store, cookie_id: uuid.UUID) -> None:
    with store.database.transaction() as connection:
        saving.complete(
            connection, cookie_id, "某公众号", "https://mmbiz.qlogo.cn/a", Image(JPEG, "image/jpeg")
        )


def names(store: Store) -> set[str]:
    return {path.name for path in store.root.iterdir()} - {WORKSHOP}


@contextmanager
def replica(
    store: Store, directory: ExportDirectory, reconcile_seconds: float = 600
) -> Iterator[FolderKeeper]:
    """Another replica with a directory of its own, as the composition root puts it together."""
    keeper = FolderKeeper(Folders(store.database, store.vault, directory, store.clock), reconcile_seconds)
    listener = Listener(
        store.url, {owners.CHANNEL: keeper.notice}, keeper.set_connected, 0.2, name="listener"
    )
    listener.start()
    keeper.start()
    try:
        yield keeper
    finally:
        listener.stop()
        keeper.stop()


def test_the_folder_holds_what_scripts_read(store: Store) -> None:
    saved = store.save("1001", original_id="gh_0123456789ab")
    complete(store, saved.id)
    store.folders.sync("1001")
    shown = json.loads((store.root / "1001" / "cookie.json").read_bytes())
    assert shown == {
        "id": str(saved.id),
        "token": "1001",
        "cookie": f"slave_sid={SECRET}; data_ticket=canary-ticket",
        "created_time": "2026-03-01T08:00:01.123456+00:00",
        "expire_time": "2026-03-05T00:00:01.123456+00:00",
        "name": "某公众号",
        "avatar": "static/cookies/1001/avatar.jpg",
        "avatar_url": "https://mmbiz.qlogo.cn/a",
        "local": "static/cookies/1001",
        "owner_email": "Ann@example.com",
        "original_id": "gh_0123456789ab",
    }
    assert (store.root / "1001" / "avatar.jpg").read_bytes() == JPEG


def test_a_script_loads_the_pickle_as_a_jar_that_requests_sends(store: Store) -> None:
    store.save("1001")
    store.folders.sync("1001")
    jar = store.root / "1001" / "gzhcookies.cookie"
    script = subprocess.run(
        [sys.executable, "-I", "-c", READ_THE_JAR, str(jar)], capture_output=True, text=True, check=True
    )
    assert script.stdout.strip() == f"slave_sid={SECRET}; data_ticket=canary-ticket"


def test_the_service_never_loads_a_pickle(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a pickle was read")

    for loader in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, loader, refuse)
    store.save("1001")
    store.folders.reconcile()
    (store.root / "1001" / "gzhcookies.cookie").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    complete(store, store.save("1001").id)
    store.folders.reconcile()
    assert names(store) == {"1001"}


def test_a_cookie_without_an_avatar_has_no_avatar_file(store: Store) -> None:
    store.save("1001")
    store.folders.sync("1001")
    assert {path.name for path in (store.root / "1001").iterdir()} == {"cookie.json", "gzhcookies.cookie"}
    assert json.loads((store.root / "1001" / "cookie.json").read_bytes())["avatar"] == ""


def test_a_second_sync_writes_nothing(store: Store) -> None:
    store.save("1001")
    store.folders.sync("1001")
    before = (store.root / "1001" / "cookie.json").stat()
    store.folders.sync("1001")
    store.folders.reconcile()
    assert (store.root / "1001" / "cookie.json").stat().st_ino == before.st_ino


def test_name_and_avatar_that_come_later_reach_the_folder_also_after_a_crash(store: Store) -> None:
    saved = store.save("1001")
    store.folders.sync("1001")
    # Committed, and the process died before it could sync.
    complete(store, saved.id)
    store.folders.reconcile()
    assert json.loads((store.root / "1001" / "cookie.json").read_bytes())["name"] == "某公众号"
    assert (store.root / "1001" / "avatar.jpg").read_bytes() == JPEG


def test_a_login_with_the_same_token_replaces_the_folder_also_after_a_crash(store: Store) -> None:
    complete(store, store.save("1001").id)
    store.folders.sync("1001")
    again = store.save("1001")
    store.folders.reconcile()
    assert json.loads((store.root / "1001" / "cookie.json").read_bytes())["id"] == str(again.id)
    assert not (store.root / "1001" / "avatar.jpg").exists()


def test_everything_missing_is_made_again_and_everything_surplus_goes(store: Store) -> None:
    for token in ("1001", "1002", "1003"):
        store.save(token)
    store.folders.reconcile()
    shutil.rmtree(store.root / "1001")
    (store.root / "1002" / "gzhcookies.cookie").unlink()
    (store.root / "9999").mkdir()
    (store.root / "notes").mkdir()
    (store.root / "README").write_text("left alone")
    store.folders.reconcile()
    assert names(store) == {"1001", "1002", "1003", "notes", "README"}
    assert (store.root / "1002" / "gzhcookies.cookie").exists()


def test_the_folder_is_gone_once_its_cookie_is_deleted_replaced_or_expired(store: Store) -> None:
    store.save("1001", original_id="gh_a")
    store.save("1002", original_id="gh_b")
    store.clock.move(hours=1)
    store.save("1003", original_id="gh_c")
    store.folders.reconcile()
    with store.database.transaction() as connection:
        changing.delete_cookie(connection, ANN, "1001", store.clock())
    store.save("2002", original_id="gh_b")
    store.folders.reconcile()
    assert names(store) == {"1003", "2002"}
    store.clock.move(hours=88)
    store.folders.reconcile()
    assert names(store) == set()


def test_a_rolled_back_deletion_leaves_the_folder(store: Store) -> None:
    store.save("1001")
    store.folders.sync("1001")
    with pytest.raises(RuntimeError), store.database.transaction() as connection:
        changing.delete_cookie(connection, ANN, "1001", store.clock())
        raise RuntimeError
    store.folders.sync("1001")
    assert names(store) == {"1001"}


def test_one_folder_that_cannot_be_written_does_not_stop_the_others(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.save("1001")
    store.save("1002")
    (store.root / "1001").symlink_to(store.root.parent)
    with caplog.at_level(logging.INFO):
        store.folders.reconcile()
    assert (store.root / "1002" / "cookie.json").exists()
    assert SECRET not in caplog.text


def test_a_cookie_that_no_key_opens_does_not_stop_the_others(store: Store) -> None:
    store.save("1001")
    other = store.with_vault(Vault([Fernet.generate_key().decode()]))
    other.save("1002")
    other.folders.reconcile()
    assert names(store) == {"1002"}


def test_a_replica_that_is_slow_to_write_does_not_bring_back_a_deleted_folder(store: Store) -> None:
    writing, removed = threading.Event(), threading.Event()

    class SlowDirectory(ExportDirectory):
        """Another replica's view of the same directory; it reads the row, and then takes its time."""

        def write(self, token: str, files: Mapping[str, bytes], revision: int) -> None:
            writing.set()
            # A concurrent removal of the folder has to wait for this one, so it waits in vain.
            removed.wait(1)
            super().write(token, files, revision)

    slow = Folders(store.database, store.vault, SlowDirectory(store.root), store.clock)
    store.save("1001")
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(slow.sync, "1001")
        assert writing.wait(10)
        with store.database.transaction() as connection:
            changing.delete_cookie(connection, ANN, "1001", store.clock())
        store.folders.sync("1001")
        removed.set()
        written.result()
    assert names(store) == set()
    assert list((store.root / WORKSHOP).iterdir()) == []


def test_other_replicas_folders_follow_every_kind_of_change(store: Store) -> None:
    root = store.root.parent / "of-the-other-replica"
    with replica(store, ExportDirectory(root)):
        saved = store.save("1001", original_id="gh_a")
        wait_until((root / "1001" / "cookie.json").exists, "the new folder appears")
        complete(store, saved.id)
        wait_until((root / "1001" / "avatar.jpg").exists, "the avatar appears")
        store.save("1002", original_id="gh_a")
        wait_until(
            lambda: (root / "1002").exists() and not (root / "1001").exists(), "the folder is replaced"
        )
        with store.database.transaction() as connection:
            changing.delete_cookie(connection, ANN, "1002", store.clock())
        wait_until(lambda: not (root / "1002").exists(), "the deleted one goes")
        store.save("1003")
        wait_until((root / "1003").exists, "another one appears")
        with store.database.transaction() as connection:
            cascade.delete_owner(connection, ANN, store.clock())
        wait_until(lambda: not (root / "1003").exists(), "the deleted owner's goes")
        store.save("2001", uuid.uuid4())
        wait_until((root / "2001").exists, "another one appears")
        store.clock.move(hours=88)
        Sweeper(store.database, store.clock).sweep()
        wait_until(lambda: not (root / "2001").exists(), "the expired one goes")


def test_what_was_announced_before_the_replica_listened_is_made_up_for(store: Store) -> None:
    root = store.root.parent / "of-the-other-replica"
    store.save("1001")
    keeper = FolderKeeper(Folders(store.database, store.vault, ExportDirectory(root), store.clock), 600)
    keeper.start()
    try:
        wait_until((root / "1001").exists, "the first reconcile has begun")
        store.save("1002")
        keeper.set_connected(True)
        wait_until((root / "1002").exists, "everything is reconciled once the replica listens")
    finally:
        keeper.stop()


def test_what_was_announced_while_no_replica_listened_is_made_up_for(store: Store) -> None:
    root = store.root.parent / "of-the-other-replica"
    with replica(store, ExportDirectory(root)):
        store.save("1001")
        wait_until((root / "1001").exists, "the replica listens")
        with store.database.transaction() as connection:
            # The listening session dies, and later notifications are lost.
            terminated = connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name <> 'fastmp'"
                )
            )
            assert list(terminated.scalars()) == [True]
            saving.save(connection, store.vault, store.new("1002"))
        wait_until((root / "1002").exists, "the replica looks at everything again")


def test_a_replica_makes_up_at_its_start_for_what_it_missed(store: Store) -> None:
    root = store.root.parent / "of-the-other-replica"
    store.save("1001")
    directory = ExportDirectory(root)
    (root / "9999").mkdir()
    with replica(store, directory):
        wait_until(lambda: (root / "1001").exists() and not (root / "9999").exists(), "folders match")
