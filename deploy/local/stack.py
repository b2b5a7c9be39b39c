"""The whole stack as one object: `with LocalStack(settings) as stack: ...`, also for tests and benchmarks."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local.certificates import tls_files
from deploy.local.checked_settings import check_settings
from deploy.local.cookie_key_rotation import CookieKeyRotation
from deploy.local.errors import LocalStackError
from deploy.local.foundation import Foundation, WeChatEmulator, lay_foundation
from deploy.local.ports import LOOPBACK
from deploy.local.processes import Launcher, RunningProgram
from deploy.local.settings import LocalSettings
from deploy.local.startup import FirstAdmin, Startup
from deploy.local.state_directory import StateDirectory
from deploy.local.topology import GATEWAY, Topology
from deploy.local.upkeep import Upkeep
from services.chassis.mutual_tls import TlsFiles


class LocalStack:
    """A stack of PostgreSQL, the services and Envoy.

    Processes are named "postgres", "identity", "activation", "wechat_cookie", "gateway", "wechat_emulator", further
    replicas "identity-2" and so on. An object can be started once; a new one can use the same state directory.
    """

    def __init__(
        self,
        settings: LocalSettings,
        *,
        replicas: Mapping[str, int] | None = None,
        wechat_emulator: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Prepares the stack without starting a process.

        `replicas` is the number of processes by service, by default one. If `wechat_emulator` is given, an emulator
        of mp.weixin.qq.com is started with these arguments and used. Processes inherit `environment`, or this
        process's environment if it is None.
        """
        self.settings = settings
        self._emulator_arguments = wechat_emulator or ()
        self._inherited = dict(os.environ if environment is None else environment)
        self._topology = Topology(settings, replicas or {}, has_wechat_emulator=wechat_emulator is not None)
        self._launcher = Launcher()
        self._held = contextlib.ExitStack()
        self._foundation: Foundation | None = None
        self._startup: Startup | None = None

    def start(self) -> None:
        """Starts all processes and returns when they answer.

        Raises LocalStackError; no process is left running then.
        """
        try:
            state = StateDirectory.open(self.settings.fastmp_state_dir)
            self._foundation = lay_foundation(
                self.settings, self._topology, self._launcher, self._inherited, self._held, state
            )
            check_settings(self._foundation.environments)
            self._startup = Startup(
                self._foundation, self._topology, self._launcher, self._emulator_arguments
            )
            self._startup.run()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stops all processes, services after their running calls, and returns when they have ended. Idempotent."""
        running = self._startup.running if self._startup is not None else {}
        services = [running[one.name] for one in self._topology.replicas if one.name in running]
        for program in services:
            program.request_stop()
        for program in services:
            program.stop()
        if GATEWAY in running:
            running[GATEWAY].stop()
        # PostgreSQL and the emulator, which no process uses any more.
        self._launcher.close()
        if self._foundation is not None and self._foundation.postgres is not None:
            self._foundation.postgres.stop()
        self._held.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def process(self, name: str) -> RunningProgram:
        """Returns the newest process of that name, which may have ended. Raises KeyError for an unknown name."""
        return self._started.running[name]

    def process_names(self) -> list[str]:
        """Returns the names of the stack's processes."""
        return list(self._started.running)

    def dead(self) -> list[RunningProgram]:
        """Returns the processes that have ended and were not started again."""
        return [one for one in self._started.running.values() if one.exit_status is not None]

    def relaunch(self, name: str) -> None:
        """Starts a process that has ended again, on its port, and returns without waiting until it answers.

        Raises KeyError for an unknown name, LocalStackError if the process cannot be started.
        """
        self._started.launch(name)

    def restart(self, name: str) -> None:
        """Stops the process gracefully if it is running, starts it again on its port, and returns when it answers.

        Raises KeyError for an unknown name, LocalStackError if the process does not start.
        """
        self.process(name).stop()
        self._started.start(name)

    def rotate_cookie_keys(self) -> None:
        """Encrypts every stored cookie with a new key and removes the old one.

        Raises LocalStackError if it fails.
        """
        CookieKeyRotation(self._laid, self._launcher, self._use_cookie_keys).run()

    def _use_cookie_keys(self, foundation: Foundation) -> None:
        self._foundation = foundation
        self._started.restart_with("wechat_cookie", foundation)

    def upkeep(self) -> Upkeep:
        """Returns the periodic work of the running stack, which its supervisor must call."""
        return Upkeep(self._laid.state)

    @property
    def gateway_url(self) -> str:
        """The gateway's address on this machine, with https if it has a certificate."""
        return self._laid.environments.gateway_url

    @property
    def gateway_metrics_address(self) -> str:
        """host:port of Envoy's statistics. Raises KeyError if the setting GATEWAY_METRICS_PORT is not set."""
        return f"{LOOPBACK}:{self._topology.port('GATEWAY_METRICS_PORT')}"

    @property
    def state_directory(self) -> Path:
        return self._laid.state.path

    @property
    def static_directory(self) -> Path:
        """The directory of the exported cookie folders."""
        return self._laid.state.static

    @property
    def wechat_emulator(self) -> WeChatEmulator | None:
        """The address of the emulator, or None if the stack has none."""
        return self._laid.wechat_emulator

    @property
    def first_admin(self) -> FirstAdmin | None:
        """The administrator created by this start; None if there was one already."""
        return self._started.first_admin

    @property
    def admin_password_was_ignored(self) -> bool:
        """Whether ADMIN_PASSWORD was given to a stack that has an administrator already."""
        return self.settings.admin_password is not None and self.first_admin is None

    def addresses(self, service: str, kind: str = "PORT") -> list[str]:
        """Returns host:port of each replica.

        Kind "OPS_PORT" is for health checks, "METRICS_PORT" for Prometheus.
        """
        return self._topology.addresses(service, kind)

    def database_url(self, service: str) -> str:
        """Returns the URL of the service's database, past PgBouncer, with the service's role."""
        return self.settings.direct_database_url(service) or self._laid.environments.database_urls[service]

    def tls_files(self, name: str) -> TlsFiles:
        """Returns the certificate files of a caller: a service, "gateway", "ops", "collector" or "prometheus"."""
        return tls_files(self._laid.state.certificates, name)

    @property
    def _laid(self) -> Foundation:
        if self._foundation is None:
            raise LocalStackError("the stack has not been started")
        return self._foundation

    @property
    def _started(self) -> Startup:
        if self._startup is None:
            raise LocalStackError("the stack has not been started")
        return self._startup
