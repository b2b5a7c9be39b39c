"""Child processes that log to a file, can be stopped one by one, and never outlive their parent."""

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
# How services.chassis.settings begins the line for a setting that it refuses.
BAD_SETTING = "bad setting "


@dataclass(frozen=True)
class Program:
    """What to run: a command, its whole environment, its log file, and how to end it.

    `orphan_signal` is what the kernel sends to it when the parent dies without stopping it.
    `launch_prefix` is put before the command; it must replace itself by the command (exec).
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    directory: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_seconds: float = 20.0
    orphan_signal: signal.Signals = signal.SIGKILL
    launch_prefix: tuple[str, ...] = ()


class Launcher:
    """Starts programs, from one thread that lives as long as the launcher, and can end all of them.

    The kernel ties a child to the thread that forked it, not to the process. Without this thread a child started
    from a short-lived one (a test's, a chaos run's) would be killed when that thread ends.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="launcher")
        self._started: list[RunningProgram] = []
        self._closed = False

    def start(self, program: Program) -> "RunningProgram":
        """Starts `program` in a process group of its own. The previous log is kept as `<log>.1`; see log_files.

        Raises LocalStackError when its executable cannot be run, or after `close`.
        """
        try:
            return self._thread.submit(self._start, program).result()
        except OSError as error:
            raise LocalStackError(f"{program.name} could not be started: {error.strerror}") from error
        except RuntimeError as error:
            # The thread takes nothing any more.
            raise _stopping(program) from error

    def run(self, program: Program) -> str:
        """Runs `program` to its end and returns the last lines that it printed.

        Raises LocalStackError when it fails.
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
        # Only now: the end of the thread would kill what it has started.
        self._thread.shutdown()

    def _refuse_from_now_on(self) -> None:
        # On the launcher's thread, so that no start is half done.
        self._closed = True

    def _start(self, program: Program) -> "RunningProgram":
        if self._closed:
            raise _stopping(program)
        begin_new_log(program.log)
        running = RunningProgram(self, program, _spawn(program))
        self._started = [one for one in self._started if one.exit_status is None]
        self._started.append(running)
        return running


class RunningProgram:
    """A started program. Every method may be called again after the program has ended."""

    def __init__(self, launcher: Launcher, program: Program, process: subprocess.Popen[bytes]) -> None:
        # Holding the launcher keeps its thread, and with it the child, alive.
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
        """None while it runs; then its exit code, or minus the number of the signal that ended it."""
        return self._process.poll()

    def wait(self) -> int:
        """Waits for the program's end and returns its `exit_status`."""
        return self._process.wait()

    def request_stop(self) -> None:
        """Sends the program its stop signal and returns without waiting for its end."""
        if self.exit_status is None:
            self._process.send_signal(self.program.stop_signal)

    def stop(self) -> None:
        """Asks the program to end, waits `stop_timeout_seconds`, then kills its process group.

        Returns when it is gone.
        """
        self.request_stop()
        try:
            self._process.wait(self.program.stop_timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kills the program's process group with SIGKILL and returns when the program is gone."""
        self.send_signal_to_group(signal.SIGKILL)
        self._process.wait(KILL_TIMEOUT_SECONDS)

    def send_signal_to_group(self, number: signal.Signals) -> None:
        if self.exit_status is None:
            os.killpg(self._process.pid, number)

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of the program's log, for a message about its death."""
        with self.program.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
            text = log.read().decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def death_notice(self) -> str:
        """One line that names the dead program and how it ended, then the last lines of its log.

        When a service refused a setting, just its own line for that.
        """
        status = self.exit_status or 0
        refused = [line for line in self.log_tail().splitlines() if line.startswith(BAD_SETTING)]
        if refused and status > 0:
            return "\n".join(refused)
        ending = signal.Signals(-status).name if status < 0 else f"exit code {status}"
        return f"{self.name} has ended ({ending}); the last lines of {self.program.log}:\n{self.log_tail()}"


def _stopping(program: Program) -> LocalStackError:
    return LocalStackError(f"{program.name} was not started: the stack is stopping")


def _spawn(program: Program) -> subprocess.Popen[bytes]:
    log = os.open(program.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            [*program.launch_prefix, *_tether(program.orphan_signal), *program.command],
            env=dict(program.environment),
            cwd=program.directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl-C in a terminal reaches the whole foreground group; the order of stopping is the
            # supervisor's.
            start_new_session=True,
        )
    finally:
        os.close(log)


def _tether(orphan_signal: signal.Signals) -> tuple[str, ...]:
    """The command prefix that asks the kernel for `orphan_signal` on the parent's death (Linux only)."""
    if not sys.platform.startswith("linux"):
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise LocalStackError(
            "setpriv (Linux package util-linux) is missing; the local stack starts its programs with it"
        )
    return (setpriv, "--pdeathsig", orphan_signal.name.removeprefix("SIG"))
