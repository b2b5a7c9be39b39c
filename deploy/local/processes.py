"""Child processes with logs. They can be stopped one by one and never outlive their parent."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.errors import LocalStackError
from deploy.local.log_files import begin_new_log

KILL_TIMEOUT_SECONDS = 10.0
LOG_TAIL_BYTES = 16_384
STANDARD_ERROR = 2
# The beginning of services.chassis.settings' line for a bad setting.
BAD_SETTING = "bad setting "


@dataclass(frozen=True)
class Program:
    """A program to run: its command, whole environment, log file, and signals.

    Without a log file it writes to the standard error of its parent.
    The kernel sends `orphan_signal` when the parent dies without stopping the program. `launch_prefix` is prepended
    to the command; it must replace itself by the command (exec).
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    log: Path | None
    directory: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_seconds: float = 25.0
    orphan_signal: signal.Signals = signal.SIGKILL
    launch_prefix: tuple[str, ...] = ()


class Launcher:
    """Starts programs on a thread that lives as long as the launcher, and stops all of them.

    The kernel sends a child its orphan signal when the thread that forked it ends, not the process. A child started
    from a short-lived thread, such as a test's, would be killed too early.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="launcher")
        self._started: list[RunningProgram] = []
        self._closed = False

    def start(self, program: Program) -> "RunningProgram":
        """Starts `program` in a process group of its own. The previous log is kept as `<log>.1`; see log_files.

        Raises LocalStackError if the executable cannot be run, or after `close`.
        """
        try:
            return self._thread.submit(self._start, program).result()
        except OSError as error:
            raise LocalStackError(f"{program.name} could not be started: {error.strerror}") from error
        except RuntimeError as error:
            # The executor has been shut down.
            raise _stopping(program) from error

    def run(self, program: Program) -> str:
        """Runs `program` to its end and returns the last lines of its output.

        Raises LocalStackError if it fails.
        """
        running = self.start(program)
        if running.wait() != 0:
            raise LocalStackError(running.death_notice())
        return running.log_tail()

    def close(self) -> None:
        """Stops all programs in parallel; later starts raise LocalStackError. Idempotent."""
        if not self._closed:
            self._thread.submit(self._refuse_from_now_on).result()
        for program in self._started:
            program.request_stop()
        for program in self._started:
            program.stop()
        # Last, because the end of the thread kills the programs that it has started.
        self._thread.shutdown()

    def _refuse_from_now_on(self) -> None:
        # On the launcher's thread, so that it does not run during a start.
        self._closed = True

    def _start(self, program: Program) -> "RunningProgram":
        if self._closed:
            raise _stopping(program)
        running = RunningProgram(self, program, _spawn(program))
        self._started = [one for one in self._started if one.exit_status is None]
        self._started.append(running)
        return running


class RunningProgram:
    """A started program. All methods may also be called after it has ended."""

    def __init__(self, launcher: Launcher, program: Program, process: subprocess.Popen[bytes]) -> None:
        # The reference keeps the launcher's thread, and with it the child, alive.
        self._launcher = launcher
        self.program = program
        self._process = process

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs; then its exit code, or the negative number of the signal that ended it."""
        return self._process.poll()

    def wait(self) -> int:
        """Waits for the program's end and returns its `exit_status`."""
        return self._process.wait()

    def request_stop(self) -> None:
        """Sends the program its stop signal and returns without waiting for its end."""
        if self.exit_status is None:
            self._process.send_signal(self.program.stop_signal)

    def stop(self) -> None:
        """Requests the program's end, waits `stop_timeout_seconds`, then kills its process group.

        Returns when it has ended.
        """
        self.request_stop()
        try:
            self._process.wait(self.program.stop_timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kills the program's process group with SIGKILL and returns when the program has ended."""
        self.send_signal_to_group(signal.SIGKILL)
        self._process.wait(KILL_TIMEOUT_SECONDS)

    def send_signal_to_group(self, number: signal.Signals) -> None:
        if self.exit_status is None:
            os.killpg(self._process.pid, number)

    def log_tail(self, lines: int = 15) -> str:
        """Returns the last lines of the program's log file, or nothing if it has none."""
        if self.program.log is None:
            return ""
        with self.program.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
            text = log.read().decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def ending(self) -> str:
        """Returns how a program that has ended did, e.g. "identity has ended (SIGKILL)"."""
        status = self.exit_status or 0
        how = signal.Signals(-status).name if status < 0 else f"exit code {status}"
        return f"{self.name} has ended ({how})"

    def death_notice(self) -> str:
        """Returns a message with the program's name, how it ended, and the last lines of its log file.

        If a service refused settings, the message consists of its lines about them.
        """
        status = self.exit_status or 0
        refused = [line for line in self.log_tail().splitlines() if line.startswith(BAD_SETTING)]
        if refused and status > 0:
            return "\n".join(refused)
        return f"{self.ending()}{self.last_lines()}"

    def last_lines(self) -> str:
        """Returns the last lines of the log file with its path before them, to be appended to a message."""
        log = self.program.log
        return "" if log is None else f"; the last lines of {log}:\n{self.log_tail()}"


def _stopping(program: Program) -> LocalStackError:
    return LocalStackError(f"{program.name} was not started: the stack is stopping")


def _spawn(program: Program) -> subprocess.Popen[bytes]:
    with contextlib.ExitStack() as opened:
        log = STANDARD_ERROR
        if program.log is not None:
            begin_new_log(program.log)
            log = os.open(program.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            opened.callback(os.close, log)
        return subprocess.Popen(
            [*program.launch_prefix, *_tether(program.orphan_signal), *program.command],
            env=dict(program.environment),
            cwd=program.directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl-C in a terminal is sent to the whole foreground group, but the supervisor determines the order in
            # which processes are stopped.
            start_new_session=True,
        )


def _tether(orphan_signal: signal.Signals) -> tuple[str, ...]:
    """Returns a command prefix that makes the kernel send `orphan_signal` when the parent dies (Linux only)."""
    if not sys.platform.startswith("linux"):
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise LocalStackError(
            "setpriv (Linux package util-linux) is missing; the local stack starts its programs with it"
        )
    return (setpriv, "--pdeathsig", orphan_signal.name.removeprefix("SIG"))
