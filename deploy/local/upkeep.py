"""The periodic work of a running stack: rotates full logs and renews certificates."""

import datetime
import sys
import time

from deploy.local.certificates import ensure_certificates
from deploy.local.log_files import rotate_full_logs
from deploy.local.state_directory import StateDirectory
from deploy.local.topology import CERTIFICATE_NAMES

LOG_SECONDS = 10.0
CERTIFICATE_SECONDS = 3600.0


class Upkeep:
    """The periodic work in one state directory, whose certificates have just been checked."""

    def __init__(self, state: StateDirectory) -> None:
        self._state = state
        self._logs_due = time.monotonic() + LOG_SECONDS
        self._certificates_due = time.monotonic() + CERTIFICATE_SECONDS

    def run_if_due(self) -> None:
        """Does the work that is due.

        A failure, such as a full disk, is printed, and the work retried at its next time.
        """
        now = time.monotonic()
        try:
            if now >= self._logs_due:
                self._logs_due = now + LOG_SECONDS
                rotate_full_logs(self._state.logs)
            if now >= self._certificates_due:
                self._certificates_due = now + CERTIFICATE_SECONDS
                moment = datetime.datetime.now(datetime.UTC)
                ensure_certificates(self._state.certificates, CERTIFICATE_NAMES, moment)
        except OSError as error:
            print(
                f"FastMP: upkeep of {self._state.path} failed: {error.strerror}", file=sys.stderr, flush=True
            )
