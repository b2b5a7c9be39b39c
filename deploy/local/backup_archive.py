"""The file of a backup: a tar archive with the stack's secrets, certificates and PostgreSQL cluster.

`backup.json` says when and from what it was made. The cluster is what pg_basebackup writes: `database/base.tar.gz`,
`database/pg_wal.tar.gz` and `database/backup_manifest`, with the checksums of all files.
"""

import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from deploy.local.errors import LocalStackError
from deploy.local.state_directory import PRIVATE_DIRECTORY_MODE

DESCRIPTION = "backup.json"
DATABASE = "database"


def write_archive(path: Path, folder: Path) -> None:
    """Writes everything in `folder` to the archive `path`, mode 0600, which appears when it is complete.

    Raises LocalStackError if `path` exists or cannot be written.
    """
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        if path.exists():
            raise LocalStackError(f"{path} exists already")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                with tarfile.open(fileobj=file, mode="w") as archive:
                    for one in sorted(folder.iterdir()):
                        archive.add(one, one.name)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(path)
        except BaseException:
            unfinished.unlink()
            raise
    except OSError as error:
        raise LocalStackError(f"{path} cannot be written: {error.strerror}") from error


def extract(archive: Path, folder: Path) -> None:
    """Extracts all files of a tar archive, also a compressed one, into `folder`: files 0600, folders 0700.

    Raises LocalStackError if it is damaged, or has anything but files and folders inside `folder`.
    """
    try:
        with tarfile.open(archive) as opened:
            _extract(opened, folder, archive)
    except (tarfile.TarError, EOFError) as error:
        raise LocalStackError(f"{archive} is not a backup, or is damaged") from error
    except OSError as error:
        raise LocalStackError(f"{archive}: {error.strerror or 'it is damaged'}") from error


def _extract(opened: tarfile.TarFile, folder: Path, archive: Path) -> None:
    for member in opened:
        name = PurePosixPath(member.name)
        if name.is_absolute() or ".." in name.parts or not (member.isdir() or member.isreg()):
            raise LocalStackError(f"{archive} is not a backup: it has {member.name!r}")
        target = folder / name
        if member.isdir():
            target.mkdir(mode=PRIVATE_DIRECTORY_MODE, parents=True, exist_ok=True)
            continue
        target.parent.mkdir(mode=PRIVATE_DIRECTORY_MODE, parents=True, exist_ok=True)
        content = opened.extractfile(member)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            if content is not None:
                shutil.copyfileobj(content, file, 1 << 20)
