"""Worker processes that hash passwords, so that a hash does not delay the replica's threads."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

import structlog

from services.identity.passwords.hashes import UnusableHashError

_log = structlog.get_logger(__name__)

COMMAND = (sys.executable, "-S", "-m", "services.identity.passwords.worker_main")
# The folder of the packages, also if they are installed as links.
ROOT = str(Path(__file__).parents[3])
CLOSE_SECONDS = 5.0


class HashingProcesses:
    """A pool of worker processes, started on demand, one for each concurrent hash. Thread-safe.

    A process that has ended is replaced, and its request is retried once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_HashingProcess] = []
        self._is_closed = False

    def hash(self, password: str, salt: bytes, rounds: int) -> str:
        """See hash_password(). Raises OSError if no process can be started."""
        return str(self._request({"password": password, "salt": salt.hex(), "rounds": rounds})["hash"])

    def verify(self, password: str, stored: str) -> bool:
        """See verify_password(). Raises UnusableHashError, and OSError if no process can be started."""
        answer = self._request({"password": password, "stored": stored})
        if "unusable" in answer:
            raise UnusableHashError(answer["unusable"])
        return answer["matches"] is True

    def close(self) -> None:
        """Ends idle processes immediately, and busy ones when they have answered. Idempotent."""
        with self._lock:
            self._is_closed = True
            ending, self._idle = self._idle, []
        for process in ending:
            process.end()

    def _request(self, request: dict[str, object]) -> dict[str, object]:
        with self._lock:
            process = self._idle.pop() if self._idle else None
        if process is not None:
            try:
                return self._answered(process, request)
            except OSError:
                _log.warning("hashing_process_lost")
        return self._answered(_HashingProcess(), request)

    def _answered(self, process: "_HashingProcess", request: dict[str, object]) -> dict[str, object]:
        try:
            answer = process.request(request)
        except BaseException:
            process.end()
            raise
        with self._lock:
            if not self._is_closed:
                self._idle.append(process)
                return answer
        process.end()
        return answer


class _HashingProcess:
    """One process, for one thread at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - The command is a constant.
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # Only the path of its modules, and none of the service's secrets.
            env={"PYTHONPATH": os.pathsep.join([ROOT, *sys.path])},
        )

    def request(self, request: dict[str, object]) -> dict[str, object]:
        """Sends a request and returns the answer. Raises OSError if the process has ended."""
        requests, answers = self._pipes()
        requests.write(json.dumps(request) + "\n")
        requests.flush()
        line = answers.readline()
        if not line.endswith("\n"):
            raise BrokenPipeError("the hashing process has ended")
        answer: dict[str, object] = json.loads(line)
        return answer

    def end(self) -> None:
        """Closes the pipes, whereupon the process ends, and waits for its end."""
        for pipe in self._pipes():
            # Buffered data cannot be written to a process that has ended.
            with contextlib.suppress(OSError):
                pipe.close()
        try:
            self._process.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        requests, answers = self._process.stdin, self._process.stdout
        if requests is None or answers is None:
            raise RuntimeError("the process was started without pipes")
        return requests, answers
