"""Starts the processes of a stack: in the order of their dependencies, otherwise in parallel."""

import contextlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from deploy.local.certificates import tls_files
from deploy.local.databases import ensure_owned_database
from deploy.local.foundation import Foundation, WeChatEmulator
from deploy.local.ports import LOOPBACK
from deploy.local.postgres import PostgresServer
from deploy.local.processes import Launcher, Program, RunningProgram
from deploy.local.programs import EMULATOR_TOKEN_VARIABLE
from deploy.local.readiness import await_connections, await_health_page, await_serving
from deploy.local.topology import (
    EMULATOR_PORT,
    GATEWAY,
    POSTGRES,
    SERVICES,
    WECHAT_EMULATOR,
    Replica,
    Topology,
)


@dataclass(frozen=True)
class FirstAdmin:
    """The administrator that this start has created."""

    email: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class _Part:
    program: Program
    await_ready: Callable[[RunningProgram], None]


class Startup:
    """Starts all processes with `run`, once, and single processes again with `start`.

    `running` holds the newest process of each name, also if it has ended. `first_admin` stays None if an earlier
    start with the same state created one.
    """

    def __init__(
        self,
        foundation: Foundation,
        topology: Topology,
        launcher: Launcher,
        emulator_arguments: Sequence[str],
    ) -> None:
        self.running: dict[str, RunningProgram] = {}
        self.first_admin: FirstAdmin | None = None
        self._foundation = foundation
        self._topology = topology
        self._launcher = launcher
        self._parts = {
            GATEWAY: self._gateway(),
            **{one.name: self._service(one) for one in topology.replicas},
        }
        if foundation.wechat_emulator is not None:
            emulator = self._wechat_emulator(foundation.wechat_emulator, emulator_arguments)
            self._parts[WECHAT_EMULATOR] = emulator

    def run(self) -> None:
        """Starts all processes and returns when they answer. Raises LocalStackError as soon as one fails."""
        postgres = self._foundation.postgres
        with self._in_parallel() as run:
            run(self._configure_gateway)
            if WECHAT_EMULATOR in self._parts:
                run(partial(self.start, WECHAT_EMULATOR))
            if postgres is not None:
                self.start(POSTGRES)
                self._ensure_databases(postgres)
            self._migrate()
            for service in SERVICES:
                run(partial(self._bring_up, service))
        self.start(GATEWAY)

    def start(self, name: str) -> None:
        """Starts the process and returns when it answers. Raises LocalStackError if it does not."""
        postgres = self._foundation.postgres
        if name == POSTGRES and postgres is not None:
            postgres.start()
            self.running[name] = postgres.program
            return
        self.launch(name)
        self._await_ready(name)

    def launch(self, name: str) -> None:
        """Starts the process and returns without waiting until it answers.

        Raises LocalStackError if it cannot be started.
        """
        postgres = self._foundation.postgres
        if name == POSTGRES and postgres is not None:
            self.running[name] = postgres.launch()
            return
        self.running[name] = self._launcher.start(self._parts[name].program)

    def restart_with(self, service: str, foundation: Foundation) -> None:
        """Restarts the service's replicas one by one with a new `foundation`.

        Raises LocalStackError if one fails.
        """
        self._foundation = foundation
        for replica in self._topology.replicas:
            if replica.service == service:
                self._parts[replica.name] = self._service(replica)
                self.running[replica.name].stop()
                self.start(replica.name)

    def _await_ready(self, name: str) -> None:
        self._parts[name].await_ready(self.running[name])

    def _bring_up(self, service: str) -> None:
        replicas = [one for one in self._topology.replicas if one.service == service]
        if service == "identity":
            self._ensure_first_admin(replicas[0])
        for replica in replicas:
            self.launch(replica.name)
        for replica in replicas:
            self._await_ready(replica.name)

    def _migrate(self) -> None:
        environment = self._foundation.environments.migrations()
        self._launcher.run(self._foundation.programs.module("migrate", "deploy.local.migrate", environment))

    def _ensure_first_admin(self, identity: Replica) -> None:
        """Creates the first administrator if none exists: once, or at each start if a password is given."""
        environments, state = self._foundation.environments, self._foundation.state
        given = environments.settings.admin_password
        if given is None and state.first_admin_marker.exists():
            return
        # The caller shows it once; it is not stored.
        password = secrets.token_urlsafe(12) if given is None else given.get_secret_value()
        environment = environments.first_admin(identity, password)
        module = f"services.{identity.service}"
        program = self._foundation.programs.module("identity-admin", module, environment, ("ensure-admin",))
        if self._launcher.run(program).splitlines()[-1:] == ["created"]:
            self.first_admin = FirstAdmin(environments.settings.admin_email, password)
        state.first_admin_marker.touch(0o600)

    def _ensure_databases(self, postgres: PostgresServer) -> None:
        settings = self._foundation.environments.settings
        for service in SERVICES:
            if settings.database_url(service) is None:
                password = self._foundation.secrets.database_password(service)
                ensure_owned_database(postgres.url(POSTGRES), name=service, password=password)

    def _service(self, replica: Replica) -> _Part:
        environments = self._foundation.environments
        program = self._foundation.programs.server(
            replica.name, f"services.{replica.service}", environments.service(replica)
        )
        address = f"{LOOPBACK}:{self._topology.port(replica.port_key('OPS_PORT'))}"
        operator = tls_files(self._foundation.state.certificates, "ops")
        return _Part(
            program, partial(await_serving, service=replica.service, ops_address=address, tls=operator)
        )

    def _gateway(self) -> _Part:
        environment = self._foundation.environments.gateway()
        program = self._foundation.programs.envoy(GATEWAY, self._envoy_configuration, environment)
        return _Part(program, partial(await_health_page, url=self._foundation.environments.gateway_url))

    def _configure_gateway(self) -> None:
        environment = self._foundation.environments.gateway()
        arguments = ("--output", str(self._envoy_configuration))
        programs = self._foundation.programs
        self._launcher.run(programs.module("gateway-configure", "gateway.configure", environment, arguments))

    def _wechat_emulator(self, emulator: WeChatEmulator, arguments: Sequence[str]) -> _Part:
        environment = self._foundation.environments.plain()
        environment[EMULATOR_TOKEN_VARIABLE] = emulator.control_token
        port = self._topology.port(EMULATOR_PORT)
        program = self._foundation.programs.wechat_emulator(
            WECHAT_EMULATOR, port, emulator.ca_file.parent, environment, arguments
        )
        return _Part(program, partial(await_connections, port=port))

    @property
    def _envoy_configuration(self) -> Path:
        return self._foundation.state.run / "envoy.yaml"

    @contextlib.contextmanager
    def _in_parallel(self) -> Iterator[Callable[[Callable[[], None]], None]]:
        """Yields a function that runs another one on a thread.

        The block ends when all have ended, or one has failed.

        Raises the exception of the first that fails, and not those that its failure causes in the others.
        """
        futures: list[Future[None]] = []
        with ThreadPoolExecutor(thread_name_prefix="startup") as pool:
            try:
                yield lambda work: futures.append(pool.submit(work))
                for finished in as_completed(futures):
                    finished.result()
            except BaseException:
                # Stops the processes that the other threads are waiting for, and thereby the threads.
                self._launcher.close()
                raise
