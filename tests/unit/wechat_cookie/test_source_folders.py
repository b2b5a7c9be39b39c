"""Files of an imported FastMP are read below their folder only, and never through a link."""

import os
from pathlib import Path

import pytest

from services.chassis.importing.values import LeftOutError
from services.wechat_cookie.importing.folders import SourceFolders

NAME = "cookie.json"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "old" / "static" / "1"
    folder.mkdir(parents=True)
    (folder / NAME).write_text("content")
    (tmp_path / NAME).write_text("outside")
    return tmp_path / "old"


@pytest.mark.parametrize("path", ["static/1", "static\\1", "./static//1/", "{root}/static/1"])
def test_a_path_may_be_relative_absolute_or_of_windows(root: Path, path: str) -> None:
    assert SourceFolders(root).read(path.format(root=root), NAME, 100) == b"content"


@pytest.mark.parametrize("path", ["..", "static/../..", "..\\", "/etc", "{root}/..", "static/1\0"])
def test_a_path_that_leads_out_is_refused(root: Path, path: str) -> None:
    with pytest.raises(LeftOutError) as left_out:
        SourceFolders(root).read(path.format(root=root), NAME, 100)
    assert left_out.value.reason == "OUTSIDE_FOLDER"


def test_links_are_not_followed(root: Path) -> None:
    (root / "linked").symlink_to(root / "static")
    (root / "static" / "2").mkdir()
    (root / "static" / "2" / NAME).symlink_to(root.parent / NAME)
    for path in ("linked/1", "static/2"):
        with pytest.raises(LeftOutError) as left_out:
            SourceFolders(root).read(path, NAME, 100)
        assert left_out.value.reason == "LINKED_FOLDER"


def test_what_is_no_file_is_none_and_nothing_waits_for_a_pipe(root: Path) -> None:
    (root / "static" / "3").mkdir()
    os.mkfifo(root / "static" / "3" / NAME)
    folders = SourceFolders(root)
    assert folders.read("static/3", NAME, 100) is None
    assert folders.read("static/4", NAME, 100) is None
    assert SourceFolders(root / "missing").read("static/1", NAME, 100) is None


def test_a_file_may_have_as_many_bytes_as_allowed(root: Path) -> None:
    assert SourceFolders(root).read("static/1", NAME, 7) == b"content"
    with pytest.raises(LeftOutError) as left_out:
        SourceFolders(root).read("static/1", NAME, 6)
    assert left_out.value.reason == "TOO_LARGE"
