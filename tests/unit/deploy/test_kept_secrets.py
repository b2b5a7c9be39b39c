"""Secrets that the local stack makes once and keeps."""

import json
import stat
from dataclasses import asdict
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from deploy.local.errors import LocalStackError
from deploy.local.kept_secrets import load_or_make, read_kept


def make(directory: Path) -> Path:
    path = directory / "secrets.json"
    load_or_make(path, needed_by=directory / "postgres")
    return path


def test_they_are_made_once_and_then_the_same(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first = load_or_make(path, needed_by=tmp_path / "postgres")
    assert load_or_make(path, needed_by=tmp_path / "postgres") == first


def test_every_secret_is_its_own_and_long(tmp_path: Path) -> None:
    values = list(asdict(load_or_make(tmp_path / "a", needed_by=tmp_path / "postgres")).values())
    others = asdict(load_or_make(tmp_path / "b", needed_by=tmp_path / "postgres")).values()
    assert len(set(values)) == len(values)
    assert set(values).isdisjoint(others)
    assert min(map(len, values)) >= 43


def test_the_keys_are_some_that_fernet_takes(tmp_path: Path) -> None:
    made = load_or_make(tmp_path / "a", needed_by=tmp_path / "postgres")
    Fernet(made.cookie_keys)
    Fernet(made.totp_keys)


def test_a_file_of_the_release_before_gets_what_it_lacks_once(tmp_path: Path) -> None:
    path = make(tmp_path)
    old = json.loads(path.read_bytes())
    del old["totp_keys"]
    path.write_bytes(json.dumps(old).encode())
    completed = asdict(load_or_make(path, needed_by=tmp_path / "postgres"))
    Fernet(completed.pop("totp_keys"))
    assert completed == old
    assert load_or_make(path, needed_by=tmp_path / "postgres") == read_kept(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_only_the_owner_can_read_them_and_they_do_not_show_in_a_repr(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    kept = load_or_make(path, needed_by=tmp_path / "postgres")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not any(value in repr(kept) for value in asdict(kept).values())


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path)
    path.chmod(0o640)
    with pytest.raises(LocalStackError, match="can be read by others"):
        load_or_make(path, needed_by=tmp_path / "postgres")


def test_a_missing_file_is_not_replaced_while_the_database_that_needs_it_exists(tmp_path: Path) -> None:
    path = make(tmp_path)
    path.unlink()
    (tmp_path / "postgres").mkdir()
    with pytest.raises(LocalStackError, match="is missing"):
        load_or_make(path, needed_by=tmp_path / "postgres")
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"jwt_secret": "canary-4711"', b"\xff\xfe"])
def test_a_damaged_file_is_an_error_that_does_not_repeat_it(tmp_path: Path, content: bytes) -> None:
    path = make(tmp_path)
    path.write_bytes(content)
    with pytest.raises(LocalStackError, match="damaged") as failure:
        load_or_make(path, needed_by=tmp_path / "postgres")
    assert failure.value.__suppress_context__
    assert "canary" not in str(failure.value)
