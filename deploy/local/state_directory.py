"""The folder with all state of a stack; only one running stack at a time may use it."""

import fcntl
import os
from pathlib import Path
from typing import Self

from deploy.local.errors import LocalStackError

PRIVATE_DIRECTORY_MODE = 0o700


class StateDirectory:
    """A private folder, locked by this process while it is open.

    `logs`, `certificates`, `postgres`, `static` and `run` (files written at each start) are folders in it.
    """

    def __init__(self, path: Path, lock: int | None) -> None:
        self.path = path
        self._lock = lock
        self.secrets_file = self.secrets_file_in(path)
        self.first_admin_marker = path / "first-admin-was-made"
        self.logs = path / "logs"
        self.certificates = path / "certificates"
        self.postgres = path / "postgres"
        self.static = path / "static"
        self.run = path / "run"

    @classmethod
    def open(cls, path: Path) -> Self:
        """Creates the folder if needed, closes it to other users, and locks it.

        Raises LocalStackError if it cannot be used, or another running stack uses it.
        """
        path = path.resolve()
        try:
            path.mkdir(mode=PRIVATE_DIRECTORY_MODE, parents=True, exist_ok=True)
            path.chmod(PRIVATE_DIRECTORY_MODE)
            lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LocalStackError(f"bad setting FASTMP_STATE_DIR: {path}: {error.strerror}") from error
        try:
            # The kernel releases the lock when the process ends, in whatever way.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise LocalStackError(f"another local stack is running in {path} (FASTMP_STATE_DIR)") from error
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        directory = cls(path, lock)
        for folder in (directory.logs, directory.certificates, directory.static, directory.run):
            folder.mkdir(mode=PRIVATE_DIRECTORY_MODE, exist_ok=True)
        return directory

    @classmethod
    def beside(cls, path: Path) -> Self:
        """Returns the folder of a running stack, for a program that only reads its state; it is not locked."""
        return cls(path, lock=None)

    @staticmethod
    def secrets_file_in(path: Path) -> Path:
        """Returns the path of the secrets file in the folder `path`."""
        return path / "secrets.json"

    @staticmethod
    def holder(path: Path) -> int | None:
        """Returns the id of the process whose stack uses the folder `path`, or None if none does."""
        if not (path / "lock").exists():
            return None
        with (path / "lock").open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return int(lock.read())
        return None

    def close(self) -> None:
        """Unlocks the folder, if this object locked it."""
        if self._lock is not None:
            os.close(self._lock)
