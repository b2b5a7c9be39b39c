"""Files that only their owner can read, written atomically."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fastmp.cli.failures import CommandError


def write_private(path: Path, content: bytes) -> None:
    """Replaces `path` atomically by a file with `content`, mode 0600. Raises CommandError if it cannot."""
    with replacing(path) as file:
        file.write(content)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yields a temporary file, mode 0600, that replaces `path` when the block ends and is deleted if it raises.

    Raises CommandError if the file cannot be written.
    """
    try:
        # mkstemp creates files with mode 0600.
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
