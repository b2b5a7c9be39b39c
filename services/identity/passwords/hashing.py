"""Makes and compares password hashes, within what the machine has cores for."""

from collections.abc import Callable
from functools import partial

import structlog

from services.identity.passwords import hashes
from services.identity.passwords.admission import HashingAdmission
from services.identity.passwords.hashes import (
    CHECKSUM_BYTES,
    SALT_BYTES,
    UnusableHashError,
    unmatchable_hash,
)
from services.identity.passwords.workers import HashingProcesses

_log = structlog.get_logger(__name__)


class PasswordHashing:
    """Password hashes by way of an admission. Thread-safe. `random_bytes(n)` gives n unguessable bytes."""

    def __init__(
        self,
        admission: HashingAdmission,
        processes: HashingProcesses,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._admission = admission
        self._processes = processes
        self._random_bytes = random_bytes
        self._nobodys = unmatchable_hash(random_bytes(SALT_BYTES + CHECKSUM_BYTES))

    def hash(self, password: str) -> str:
        """A new hash of `password`. Raises HashingBusyError."""
        salt = self._random_bytes(SALT_BYTES)
        return self._admission.run(partial(self._processes.hash, password, salt, hashes.ROUNDS))

    def matches(self, password: str, stored: str | None) -> bool:
        """Whether `stored` was made from `password`; without a stored hash False, after the same work.

        Raises HashingBusyError.
        """
        return self._admission.run(partial(self._compare, password, stored))

    def _compare(self, password: str, stored: str | None) -> bool:
        try:
            return self._processes.verify(password, stored or self._nobodys) and stored is not None
        except UnusableHashError as error:
            _log.warning("password_hash_refused", why=str(error))
            self._processes.verify(password, self._nobodys)
            return False
