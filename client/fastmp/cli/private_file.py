"""Files that only their owner can read, written whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fastmp.cli.failures import CommandError


def write_private(path: Path, content: bytes) -> None:
    """Replaces `path` by `content`, mode 0600. Raises CommandError when it cannot be written."""
    with replacing(path) as file:
        file.write(content)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path`, mode 0600, when the block ends well, and is gone when it does not.

    Raises CommandError when it cannot be written.
    """
    try:
        # mkstemp makes files that only their owner can read.
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink()
            raise
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error
