"""Log files of the stack's processes, bounded in size and number.

All processes append to files that they keep open. A full log is therefore copied and truncated, like logrotate's
`copytruncate`, without the process taking part.
"""

import os
from pathlib import Path

MOST_BYTES = 50_000_000
# Includes the current one: name.log, name.log.1 (the newest before it) to name.log.4.
MOST_FILES = 5
BLOCK_BYTES = 1 << 20


def rotate_full_logs(folder: Path, most_bytes: int = MOST_BYTES) -> None:
    """Rotates each log in `folder` that is larger than `most_bytes`. Raises OSError, e.g. if the disk is full.

    Lines that are written between the last read and the truncation are lost.
    """
    for log in folder.glob("*.log"):
        if log.stat().st_size > most_bytes:
            _make_room(log)
            _copy_and_empty(log, _numbered(log, 1))


def begin_new_log(log: Path) -> None:
    """Renames an existing log to `<log>.1`. The process that will write the log must not be running."""
    if log.exists():
        _make_room(log)
        log.replace(_numbered(log, 1))


def _make_room(log: Path) -> None:
    for number in range(MOST_FILES - 2, 0, -1):
        if (older := _numbered(log, number)).exists():
            older.replace(_numbered(log, number + 1))


def _copy_and_empty(log: Path, copy: Path) -> None:
    with log.open("r+b") as source, os.fdopen(os.open(copy, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as target:
        while block := source.read(BLOCK_BYTES):
            target.write(block)
        os.ftruncate(source.fileno(), 0)


def _numbered(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")
