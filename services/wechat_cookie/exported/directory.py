"""The directory of exported folders. They appear atomically and are private; links are not followed."""

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from services.wechat_cookie.exported.contents import FILES
from services.wechat_cookie.mp.addresses import is_token

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600
# The folder for folders that are being written or removed. In the same directory, because a rename needs one file
# system.
WORKSHOP = ".incoming"
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_REAL_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class InTheWayError(Exception):
    """There is something other than a folder, such as a link, with a token's name.

    It is neither followed nor removed.
    """


class ExportDirectory:
    """Folders named by tokens, under `root`. Anything with another name is ignored.

    Several processes may share a `root`, but only one at a time may write or remove the same token's folder. The
    file system must support modification times in microseconds, like the usual ones.
    """

    def __init__(self, root: Path) -> None:
        """Creates `root` if it is missing, and restricts it to its owner. Raises OSError if that fails."""
        self._root = root
        self._workshop = root / WORKSHOP
        root.mkdir(parents=True, exist_ok=True)
        root.chmod(PRIVATE_FOLDER)
        self._workshop.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)

    def revisions(self) -> dict[str, int]:
        """Returns the revision of each folder by token. Raises OSError if the directory cannot be read."""
        with os.scandir(self._root) as entries:
            return {
                entry.name: _revision(entry.stat(follow_symlinks=False))
                for entry in entries
                if is_token(entry.name) and entry.is_dir(follow_symlinks=False)
            }

    def revision(self, token: str) -> int | None:
        """Returns the revision of the token's folder, or None. Raises ValueError, InTheWayError, OSError."""
        try:
            status = self._folder(token).lstat()
        except FileNotFoundError:
            return None
        if not stat.S_ISDIR(status.st_mode):
            raise InTheWayError
        return _revision(status)

    def write(self, token: str, files: Mapping[str, bytes], revision: int) -> None:
        """Writes the token's folder, so that of FILES it has exactly those in `files`.

        A new folder appears atomically; in an existing one each file is replaced atomically. Raises ValueError for
        an invalid token, InTheWayError, OSError.
        """
        folder = self._folder(token)
        made = Path(tempfile.mkdtemp(dir=self._workshop))
        try:
            for name, content in files.items():
                _write_file(made / name, content)
            try:
                made.rename(folder)
            except OSError:
                # Only an empty folder can be replaced by a rename; in others, the files are replaced one by one.
                _replace_files(folder, made, files)
            # Last, so that an incomplete folder has another revision and is written again.
            os.utime(folder, ns=(revision * 1000, revision * 1000), follow_symlinks=False)
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def remove(self, token: str) -> None:
        """Removes the token's folder atomically. Idempotent.

        Raises ValueError for an invalid token, InTheWayError, OSError.
        """
        if self.revision(token) is None:
            return
        leaving = Path(tempfile.mkdtemp(dir=self._workshop))
        with contextlib.suppress(FileNotFoundError):
            self._folder(token).rename(leaving)
        shutil.rmtree(leaving)

    def remove_leftovers(self, before: float) -> None:
        """Removes temporary folders of processes that died before `before`, in seconds since 1970."""
        with os.scandir(self._workshop) as entries:
            leftovers = [
                entry.path for entry in entries if entry.stat(follow_symlinks=False).st_ctime < before
            ]
        for path in leftovers:
            shutil.rmtree(path, ignore_errors=True)

    def _folder(self, token: str) -> Path:
        if not is_token(token):
            raise ValueError("not a token")
        return self._root / token


def _revision(status: os.stat_result) -> int:
    return status.st_mtime_ns // 1000


def _write_file(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, _NEW_FILE, PRIVATE_FILE), "wb") as file:
        file.write(content)
        file.flush()
        # After a power failure, a file without its content would look complete, and would not be written again.
        os.fsync(file.fileno())


def _replace_files(folder: Path, made: Path, names: Mapping[str, bytes]) -> None:
    try:
        target = os.open(folder, _REAL_FOLDER)
    except OSError as error:
        raise InTheWayError from error
    try:
        os.fchmod(target, PRIVATE_FOLDER)
        for name in FILES:
            if name in names:
                os.rename(made / name, name, dst_dir_fd=target)
            else:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=target)
    finally:
        os.close(target)
