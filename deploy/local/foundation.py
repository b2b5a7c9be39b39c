"""The prerequisites of a stack's processes: state directory, ports, secrets, certificates, addresses."""

import contextlib
import datetime
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.certificates import ensure_certificates
from deploy.local.environments import Environments, WeChat
from deploy.local.kept_secrets import KeptSecrets, load_or_make
from deploy.local.ports import LOOPBACK
from deploy.local.postgres import PostgresServer
from deploy.local.processes import Launcher
from deploy.local.programs import Programs
from deploy.local.settings import LocalSettings
from deploy.local.state_directory import StateDirectory
from deploy.local.topology import CERTIFICATE_NAMES, EMULATOR_PORT, SERVICES, Topology


@dataclass(frozen=True)
class WeChatEmulator:
    """The address of a stack's emulator of mp.weixin.qq.com; `control_token` is for its control API."""

    base_url: str
    ca_file: Path
    control_token: str = field(repr=False)


@dataclass(frozen=True)
class Foundation:
    """The prerequisites of a stack's processes.

    `postgres` has not been started; it is None if every service has a database in the settings.
    """

    state: StateDirectory
    secrets: KeptSecrets = field(repr=False)
    programs: Programs
    environments: Environments
    postgres: PostgresServer | None
    wechat_emulator: WeChatEmulator | None


def lay_foundation(
    settings: LocalSettings,
    topology: Topology,
    launcher: Launcher,
    inherited: Mapping[str, str],
    held: contextlib.ExitStack,
    state: StateDirectory,
) -> Foundation:
    """Reserves the ports, and creates or loads the secrets and certificates in the state directory.

    Callbacks that release all resources, `state` included, are pushed on `held`. Raises LocalStackError if it
    fails; no process has been started then.
    """
    held.callback(state.close)
    held.callback(topology.release_ports)
    topology.reserve_ports()
    kept = load_or_make(state.secrets_file, needed_by=state.postgres)
    ensure_certificates(state.certificates, CERTIFICATE_NAMES, datetime.datetime.now(datetime.UTC))
    programs = Programs(state.logs, log_to_stderr=settings.log_destination == "stderr")
    postgres = _embedded_postgres(settings, state, kept, launcher, programs)
    emulator = _wechat_emulator(topology, state)
    urls = {service: _database_url(settings, service, kept, postgres) for service in SERVICES}
    wechat = WeChat(settings.wechat_base_url, settings.wechat_ca_file)
    if emulator is not None:
        wechat = WeChat(emulator.base_url, emulator.ca_file)
    environments = Environments(settings, topology, kept, state, urls, wechat, inherited)
    return Foundation(state, kept, programs, environments, postgres, emulator)


def _embedded_postgres(
    settings: LocalSettings, state: StateDirectory, kept: KeptSecrets, launcher: Launcher, programs: Programs
) -> PostgresServer | None:
    if all(settings.database_url(service) is not None for service in SERVICES):
        return None
    return PostgresServer(
        state.postgres,
        log=programs.server_log("postgres"),
        superuser_password=kept.postgres_password,
        launcher=launcher,
    )


def _database_url(
    settings: LocalSettings, service: str, kept: KeptSecrets, postgres: PostgresServer | None
) -> str:
    given = settings.database_url(service)
    if given is None and postgres is not None:
        return postgres.url(service, role=service, password=kept.database_password(service))
    return given or ""


def _wechat_emulator(topology: Topology, state: StateDirectory) -> WeChatEmulator | None:
    if not topology.has_wechat_emulator:
        return None
    authority = state.run / "wechat-emulator"
    authority.mkdir(mode=0o700, exist_ok=True)
    base_url = f"https://{LOOPBACK}:{topology.port(EMULATOR_PORT)}"
    return WeChatEmulator(base_url, authority / "ca.pem", secrets.token_urlsafe(24))
