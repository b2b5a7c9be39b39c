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
# Where the services' packages are, also when they are installed as links.
ROOT = str(Path(__file__).parents[3])
CLOSE_SECONDS = 5.0


class HashingProcesses:
    """A pool of worker processes, as many as hash at the same time, started on demand. Thread-safe.

    A process that has ended is replaced, and the request that it was given is repeated once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_HashingProcess] = []
        self._is_closed = False

    def hash(self, password: str, salt: bytes, rounds: int) -> str:
        """As hash_password(). Raises OSError when no process can be started."""
        return str(self._ask({"password": password, "salt": salt.hex(), "rounds": rounds})["hash"])

    def verify(self, password: str, stored: str) -> bool:
        """As verify_password(). Raises UnusableHashError, and OSError when no process can be started."""
        answer = self._ask({"password": password, "stored": stored})
        if "unusable" in answer:
            raise UnusableHashError(answer["unusable"])
        return answer["matches"] is True

    def close(self) -> None:
        """Ends idle processes now, and busy ones when they have answered. Idempotent."""
        with self._lock:
            self._is_closed = True
            ending, self._idle = self._idle, []
        for process in ending:
            process.end()

    def _ask(self, question: dict[str, object]) -> dict[str, object]:
        with self._lock:
            process = self._idle.pop() if self._idle else None
        if process is not None:
            try:
                return self._answered(process, question)
            except OSError:
                _log.warning("hashing_process_lost")
        return self._answered(_HashingProcess(), question)

    def _answered(self, process: "_HashingProcess", question: dict[str, object]) -> dict[str, object]:
        try:
            answer = process.ask(question)
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
            # It needs to find its modules, and none of the service's secrets.
            env={"PYTHONPATH": os.pathsep.join([ROOT, *sys.path])},
        )

    def ask(self, question: dict[str, object]) -> dict[str, object]:
        """The answer. Raises OSError when the process has ended."""
        questions, answers = self._pipes()
        questions.write(json.dumps(question) + "\n")
        questions.flush()
        line = answers.readline()
        if not line.endswith("\n"):
            raise BrokenPipeError("the hashing process has ended")
        answer: dict[str, object] = json.loads(line)
        return answer

    def end(self) -> None:
        """Closes the pipes, at which the process ends, and waits for that."""
        for pipe in self._pipes():
            # A process that has ended cannot take what is still buffered.
            with contextlib.suppress(OSError):
                pipe.close()
        try:
            self._process.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        questions, answers = self._process.stdin, self._process.stdout
        if questions is None or answers is None:
            raise RuntimeError("the process was started without pipes")
        return questions, answers
