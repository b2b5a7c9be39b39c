"""Exported folders are private, appear whole, follow no link, and nothing else is ever touched."""

import os
import stat
import threading
from pathlib import Path

import pytest

from services.wechat_cookie.exported.directory import WORKSHOP, ExportDirectory, InTheWayError

FILES = {"cookie.json": b"{}", "gzhcookies.cookie": b"pickle", "avatar.jpg": b"picture"}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "static" / "cookies"


@pytest.fixture
def directory(root: Path) -> ExportDirectory:
    return ExportDirectory(root)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_folders_are_0700_and_files_0600_whatever_the_umask(directory: ExportDirectory, root: Path) -> None:
    before = os.umask(0)
    try:
        directory.write("1001", FILES, 7)
    finally:
        os.umask(before)
    assert mode(root) == 0o700
    assert mode(root / WORKSHOP) == 0o700
    assert mode(root / "1001") == 0o700
    assert {mode(path) for path in (root / "1001").iterdir()} == {0o600}
    assert content(root / "1001") == FILES


def test_a_directory_that_was_open_to_others_is_closed(root: Path) -> None:
    root.mkdir(parents=True, mode=0o755)
    ExportDirectory(root)
    assert mode(root) == 0o700


def test_the_revision_is_read_without_opening_anything(directory: ExportDirectory, root: Path) -> None:
    directory.write("1001", FILES, 1_772_352_000_123_456)
    assert directory.revision("1001") == 1_772_352_000_123_456
    assert directory.revisions() == {"1001": 1_772_352_000_123_456}
    assert directory.revision("1002") is None


def test_a_folder_whose_files_were_taken_away_has_another_revision(
    directory: ExportDirectory, root: Path
) -> None:
    directory.write("1001", FILES, 7)
    (root / "1001" / "cookie.json").unlink()
    assert directory.revision("1001") != 7


def test_writing_again_replaces_each_file_and_removes_what_is_no_more(
    directory: ExportDirectory, root: Path
) -> None:
    directory.write("1001", FILES, 7)
    (root / "1001").chmod(0o755)
    directory.write("1001", {"cookie.json": b"new", "gzhcookies.cookie": b"new"}, 8)
    assert content(root / "1001") == {"cookie.json": b"new", "gzhcookies.cookie": b"new"}
    assert mode(root / "1001") == 0o700
    assert directory.revision("1001") == 8


def test_a_new_folder_is_never_seen_unfinished_and_a_file_never_in_part(
    directory: ExportDirectory, root: Path
) -> None:
    stop, partial = threading.Event(), []
    large = {name: bytes([65]) * 400_000 for name in FILES}
    other = {name: bytes([66]) * 400_000 for name in FILES}

    def look() -> None:
        while not stop.is_set():
            for name in FILES:
                try:
                    seen = (root / "1001" / name).read_bytes()
                except FileNotFoundError:
                    if (root / "1001").exists() and not (root / "1001" / name).exists():
                        partial.append(f"{name} missing")
                    continue
                if seen not in (large[name], other[name]):
                    partial.append(f"{name} cut at {len(seen)}")

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        for round_number in range(20):
            directory.write("1001", large if round_number % 2 else other, round_number)
    finally:
        stop.set()
        watcher.join()
    assert partial == []


def test_removal_takes_the_whole_folder_and_may_be_repeated(directory: ExportDirectory, root: Path) -> None:
    directory.write("1001", FILES, 7)
    directory.write("1002", FILES, 7)
    directory.remove("1001")
    directory.remove("1001")
    assert set(directory.revisions()) == {"1002"}
    assert list((root / WORKSHOP).iterdir()) == []


@pytest.mark.parametrize(
    "token", ["", ".", "..", "../1001", "1001/..", "/etc", "１２３", "1" * 21, "1001\n", "-1", WORKSHOP]
)
def test_what_is_no_token_becomes_no_path(directory: ExportDirectory, root: Path, token: str) -> None:
    directory.write("1001", FILES, 7)
    for act in (directory.remove, directory.revision, lambda name: directory.write(name, FILES, 1)):
        with pytest.raises(ValueError, match="not a token"):
            act(token)
    assert {path.name for path in root.iterdir()} == {"1001", WORKSHOP}
    assert {path.name for path in root.parent.iterdir()} == {"cookies"}


def test_a_link_in_the_way_is_neither_followed_nor_removed(directory: ExportDirectory, root: Path) -> None:
    elsewhere = root.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "keep").write_bytes(b"mine")
    (root / "1001").symlink_to(elsewhere)
    for act in (directory.remove, directory.revision, lambda token: directory.write(token, FILES, 1)):
        with pytest.raises(InTheWayError):
            act("1001")
    assert directory.revisions() == {}
    assert (root / "1001").is_symlink()
    assert content(elsewhere) == {"keep": b"mine"}
    assert list((root / WORKSHOP).iterdir()) == []


def test_a_link_in_place_of_a_file_is_replaced_and_not_written_through(
    directory: ExportDirectory, root: Path
) -> None:
    directory.write("1001", FILES, 7)
    outside = root.parent / "outside"
    outside.write_bytes(b"mine")
    (root / "1001" / "cookie.json").unlink()
    (root / "1001" / "cookie.json").symlink_to(outside)
    directory.write("1001", FILES, 8)
    assert outside.read_bytes() == b"mine"
    assert content(root / "1001") == FILES
    assert not (root / "1001" / "cookie.json").is_symlink()


def test_a_file_in_the_way_is_left_alone(directory: ExportDirectory, root: Path) -> None:
    (root / "1001").write_bytes(b"mine")
    with pytest.raises(InTheWayError):
        directory.write("1001", FILES, 1)
    assert (root / "1001").read_bytes() == b"mine"


def test_leftovers_of_a_process_that_died_are_removed_and_fresh_work_is_not(
    directory: ExportDirectory, root: Path
) -> None:
    abandoned = root / WORKSHOP / "tmpabandoned"
    abandoned.mkdir()
    (abandoned / "cookie.json").write_bytes(b"secret")
    made_at = abandoned.lstat().st_ctime
    directory.remove_leftovers(made_at - 1)
    assert abandoned.exists()
    directory.remove_leftovers(made_at + 1)
    assert not abandoned.exists()
