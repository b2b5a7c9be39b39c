"""The folders of a source's cookies, read without following a link or leaving their root."""

import contextlib
import os
import stat
from pathlib import Path, PurePosixPath

from services.chassis.importing.values import LeftOutError

OUTSIDE_FOLDER = "OUTSIDE_FOLDER"
LINKED_FOLDER = "LINKED_FOLDER"
MISSING_COOKIE_JSON = "MISSING_COOKIE_JSON"
TOO_LARGE = "TOO_LARGE"

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# Without waiting, in case it is a pipe.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


class SourceFolders:
    """The files below `root`, which is an absolute path."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, folder: str, name: str, most_bytes: int) -> bytes | None:
        """Returns the content of the file `name` in `folder`, a path below the root; None if there is none.

        Raises LeftOutError if the folder is outside of the root, the file or a folder on its path is a link, or the
        file is larger than `most_bytes`.
        """
        with contextlib.ExitStack() as held:
            try:
                parent = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
                held.callback(os.close, parent)
                for step in self._steps(folder):
                    parent = _open(step, _FOLDER, parent)
                    held.callback(os.close, parent)
                file = _open(name, _FILE, parent)
            except FileNotFoundError:
                return None
            except OSError as error:
                raise LeftOutError(MISSING_COOKIE_JSON) from error
            with os.fdopen(file, "rb") as opened:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    return None
                content = opened.read(most_bytes + 1)
        if len(content) > most_bytes:
            raise LeftOutError(TOO_LARGE)
        return content

    def _steps(self, folder: str) -> tuple[str, ...]:
        # Paths written on Windows, too.
        path = PurePosixPath(folder.replace("\\", "/"))
        if path.is_absolute():
            if not path.is_relative_to(self._root):
                raise LeftOutError(OUTSIDE_FOLDER)
            path = path.relative_to(self._root)
        if ".." in path.parts or "\0" in folder:
            raise LeftOutError(OUTSIDE_FOLDER)
        return path.parts


def _open(name: str, flags: int, parent: int) -> int:
    if stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
        raise LeftOutError(LINKED_FOLDER)
    # The flags refuse a link that has taken its place meanwhile.
    return os.open(name, flags, dir_fd=parent)
