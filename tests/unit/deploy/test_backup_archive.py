"""The archive of a backup: private, whole, and extracted only into its folder."""

import io
import stat
import tarfile
from pathlib import Path

import pytest

from deploy.local.backup_archive import extract, write_archive
from deploy.local.errors import LocalStackError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_written_comes_out_and_only_its_owner_can_read_either(tmp_path: Path) -> None:
    parts, archive = tmp_path / "parts", tmp_path / "one.tar"
    (parts / "certificates").mkdir(parents=True)
    (parts / "secrets.json").write_text("{}")
    (parts / "secrets.json").chmod(0o644)
    (parts / "certificates" / "ca.pem").write_bytes(b"pem")
    write_archive(archive, parts)
    assert mode(archive) == 0o600
    out = tmp_path / "out"
    out.mkdir()
    extract(archive, out)
    assert (out / "certificates" / "ca.pem").read_bytes() == b"pem"
    assert (mode(out / "secrets.json"), mode(out / "certificates")) == (0o600, 0o700)


def test_an_archive_is_never_overwritten_and_an_unfinished_one_not_left(tmp_path: Path) -> None:
    archive = tmp_path / "one.tar"
    archive.write_text("another")
    with pytest.raises(LocalStackError, match="exists already"):
        write_archive(archive, tmp_path)
    assert archive.read_text() == "another"
    with pytest.raises(LocalStackError, match="cannot be written"):
        write_archive(tmp_path / "two.tar", tmp_path / "missing")
    assert [one.name for one in tmp_path.iterdir()] == ["one.tar"]


@pytest.mark.parametrize("name", ["../escaped", "/escaped", "a/../../escaped"])
def test_nothing_is_written_outside_the_folder(tmp_path: Path, name: str) -> None:
    archive, out = tmp_path / "bad.tar", tmp_path / "out"
    out.mkdir()
    with tarfile.open(archive, "w") as opened:
        opened.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(LocalStackError, match="is not a backup"):
        extract(archive, out)
    assert not (tmp_path / "escaped").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    archive = tmp_path / "bad.tar"
    with tarfile.open(archive, "w") as opened:
        member = tarfile.TarInfo("link")
        member.type, member.linkname = kind, "/etc/passwd"
        opened.addfile(member)
    with pytest.raises(LocalStackError, match="is not a backup"):
        extract(archive, tmp_path)


def test_a_file_that_is_no_archive_and_one_that_is_cut_are_refused(tmp_path: Path) -> None:
    text, cut = tmp_path / "text", tmp_path / "cut.tar.gz"
    text.write_text("no archive")
    with tarfile.open(cut, "w:gz") as opened:
        opened.add(text, "text")
    cut.write_bytes(cut.read_bytes()[:60])
    for archive in (text, cut, tmp_path / "missing.tar"):
        with pytest.raises(LocalStackError):
            extract(archive, tmp_path / "out")
