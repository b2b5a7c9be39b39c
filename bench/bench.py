"""The environment of the figures: a shared running stack, accounts in it, and bare servers."""

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.accounts import Accounts
from bench.processes import pin, tree_cpu_seconds
from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack
from deploy.local.topology import SERVICES
from tests.support.generous_limits import generous_environment

ROOT = Path(__file__).parents[1]
PASSWORD = "a password of the benchmarks"
CEILING_STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Cores:
    """The cores for the server that is measured, and for the load and everything else.

    On a machine with a single core both are the same.
    """

    server: int
    load: int

    @classmethod
    def of_this_machine(cls) -> Self:
        usable = sorted(os.sched_getaffinity(0))
        return cls(usable[0], usable[-1])

    @property
    def both(self) -> frozenset[int]:
        return frozenset({self.server, self.load})


@dataclass(frozen=True)
class ServerProcess:
    """A server under load: its address and its processes, whose children are included."""

    address: str
    pids: tuple[int, ...]

    def cpu_seconds(self) -> float:
        """Returns the CPU time that its processes have used so far."""
        return sum(tree_cpu_seconds(pid) for pid in self.pids)


class Bench:
    """The environment of a run. Its parts are created on first use and stopped at the end of the `with` block."""

    def __init__(self) -> None:
        self.cores = Cores.of_this_machine()
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    @cached_property
    def stack(self) -> LocalStack:
        """The stack shared by all figures: one replica of each service, the WeChat emulator, no throttles.

        Its services are pinned to the server core, its other processes and this one to the load core; place()
        changes that.
        """
        stack = self._held.enter_context(self.new_stack())
        self.place(stack)
        return stack

    @contextlib.contextmanager
    def new_stack(
        self, replicas: Mapping[str, int] | None = None, environment: Mapping[str, str] | None = None
    ) -> Iterator[LocalStack]:
        """Starts a separate stack, which is not pinned. `environment` is added to the usual one."""
        # The processes of the stack inherit the affinity, and services count their cores.
        os.sched_setaffinity(0, self.cores.both)
        with tempfile.TemporaryDirectory(prefix="fastmp-bench-") as folder:
            settings = LocalSettings.side_by_side(
                Path(folder), jwt_secret=self.jwt_secret, admin_password=secrets.token_urlsafe(16)
            )
            inherited = generous_environment(**(environment or {}))
            with LocalStack(
                settings, replicas=replicas, wechat_emulator=(), environment=inherited
            ) as running:
                yield running

    @cached_property
    def jwt_secret(self) -> str:
        """The secret with which the tokens of every stack are signed."""
        return secrets.token_urlsafe(48)

    @cached_property
    def accounts(self) -> Accounts:
        """Creates accounts in the shared stack."""
        return self.accounts_of(self.stack)

    def accounts_of(self, stack: LocalStack) -> Accounts:
        """Returns an object that creates accounts in `stack`. Their password is PASSWORD."""
        return Accounts(stack.database_url("identity"), self.jwt_secret, PASSWORD)

    def place(self, stack: LocalStack, **elsewhere: int | frozenset[int]) -> None:
        """Pins the services to the server core, and the stack's other processes and this one to the load core.

        `elsewhere` has the cores of exceptions by process name, e.g. `gateway=0`; `load` is this process.
        """
        for name in stack.process_names():
            is_service = name.partition("-")[0] in SERVICES
            usual = self.cores.server if is_service else self.cores.load
            core = elsewhere.get(name.replace("-", "_"), usual)
            pin(stack.process(name).pid, core if isinstance(core, frozenset) else {core})
        pin_self = elsewhere.get("load", self.cores.load)
        os.sched_setaffinity(0, pin_self if isinstance(pin_self, frozenset) else {pin_self})

    def service(self, *names: str) -> ServerProcess:
        """Returns services of the shared stack as one server under load, with the address of the first."""
        pids = tuple(self.stack.process(name).pid for name in names)
        return ServerProcess(self.stack.addresses(names[0])[0], pids)

    @contextlib.contextmanager
    def ceiling(self, module: str, *arguments: str, certificate: str = "identity") -> Iterator[ServerProcess]:
        """Runs a bare server, `python -m bench.ceilings.<module>`, on the server core with the stack's TLS files.

        The server gets `arguments` and prints its port when it accepts calls. Raises RuntimeError if it does not
        start.
        """
        files = self.stack.tls_files(certificate)
        paths = (str(files.ca_file), str(files.certificate_file), str(files.key_file))
        command = [sys.executable, "-m", f"bench.ceilings.{module}", *paths, *arguments]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                port = process.stdout.readline().strip()
                if not port:
                    raise RuntimeError(f"the ceiling {module} has not started")
                pin(process.pid, {self.cores.server})
                yield ServerProcess(f"127.0.0.1:{port}", (process.pid,))
            finally:
                process.terminate()
                process.wait(CEILING_STOP_SECONDS)
