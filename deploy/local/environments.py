"""The environment variables of each process of the stack. Each gets only its own settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.certificates import tls_files
from deploy.local.kept_secrets import KeptSecrets
from deploy.local.ports import LOOPBACK
from deploy.local.settings import LocalSettings
from deploy.local.state_directory import StateDirectory
from deploy.local.topology import GATEWAY, PORT_KINDS, SERVICES, Replica, Topology

# Removed from the inherited environment: each may be a secret of another service.
OWN_VARIABLES = frozenset(name.upper() for name in LocalSettings.model_fields)


@dataclass(frozen=True)
class WeChat:
    """The base URL of mp.weixin.qq.com, and the authority to trust there; None for the public ones."""

    base_url: str
    ca_file: Path | None


@dataclass(frozen=True)
class Environments:
    """Builds environments for one stack. `inherited` is the environment that the stack itself was started in."""

    settings: LocalSettings
    topology: Topology
    secrets: KeptSecrets = field(repr=False)
    state: StateDirectory
    database_urls: Mapping[str, str] = field(repr=False)
    wechat: WeChat
    inherited: Mapping[str, str] = field(repr=False)

    def service(self, replica: Replica) -> dict[str, str]:
        """Returns the environment of a service's process."""
        prefix = replica.service.upper()
        environment = self._base(replica.service)
        for kind in PORT_KINDS:
            environment[f"{prefix}_{kind}"] = str(self.topology.port(replica.port_key(kind)))
        environment["AUDIT_KEY"] = self.secrets.audit_key(replica.service)
        environment[f"{prefix}_DATABASE_URL"] = self.database_urls[replica.service]
        direct = self.settings.direct_database_url(replica.service)
        if direct is not None:
            environment[f"{prefix}_DIRECT_DATABASE_URL"] = direct
        if replica.service != "identity":
            environment["IDENTITY_ADDRESS"] = ",".join(self.topology.addresses("identity"))
        if replica.service == "identity":
            environment.update(self._token_settings())
            environment["PUBLIC_URL"] = self._public_url()
            environment["TOTP_KEYS"] = self._totp_keys()
        if replica.service == "wechat_cookie":
            environment.update(self._wechat_settings())
        if replica.service == "activation":
            environment["NOTIFICATIONS_ADDRESS"] = ",".join(self.topology.addresses("notifications"))
        if replica.service == "notifications":
            environment["NOTIFICATION_KEYS"] = self._notification_keys()
        return environment

    def first_admin(self, replica: Replica, password: str) -> dict[str, str]:
        """Returns the environment of `python -m services.identity ensure-admin`."""
        admin = {"ADMIN_EMAIL": self.settings.admin_email, "ADMIN_PASSWORD": password}
        return {**self.service(replica), **admin}

    def migrations(self) -> dict[str, str]:
        """Returns the environment of `python -m deploy.local.migrate`."""
        urls = {
            f"{service.upper()}_DATABASE_URL": self.settings.direct_database_url(service) or url
            for service, url in self.database_urls.items()
        }
        return {**self.plain(), **urls}

    def gateway(self) -> dict[str, str]:
        """Returns the environment of `python -m gateway.configure`."""
        environment = self._base(GATEWAY)
        environment["GATEWAY_PORT"] = str(self.topology.port("GATEWAY_PORT"))
        environment.update(self._public_listener())
        if self.settings.gateway_metrics_port is not None:
            environment["GATEWAY_METRICS_PORT"] = str(self.topology.port("GATEWAY_METRICS_PORT"))
            environment.setdefault("ENVOY_ADMIN_SOCKET", str(self.state.run / "envoy-admin.sock"))
        for service in SERVICES:
            prefix = service.upper()
            environment[f"{prefix}_ADDRESSES"] = ",".join(self.topology.addresses(service))
            environment[f"{prefix}_OPS_ADDRESSES"] = ",".join(self.topology.addresses(service, "OPS_PORT"))
        return environment

    @property
    def gateway_url(self) -> str:
        """The gateway's address on this machine."""
        scheme = "https" if self.settings.gateway_tls_certificate_file else "http"
        host = self.settings.gateway_host
        reachable = LOOPBACK if host.is_unspecified else host
        return f"{scheme}://{reachable}:{self.topology.port('GATEWAY_PORT')}"

    def plain(self) -> dict[str, str]:
        """Returns the inherited environment without the stack's settings."""
        return {name: value for name, value in self.inherited.items() if name not in OWN_VARIABLES}

    def _base(self, certificate: str) -> dict[str, str]:
        files = tls_files(self.state.certificates, certificate)
        return {
            **self.plain(),
            "FASTMP_STATE_DIR": str(self.state.path),
            "TLS_CA_FILE": str(files.ca_file),
            "TLS_CERTIFICATE_FILE": str(files.certificate_file),
            "TLS_KEY_FILE": str(files.key_file),
        }

    def _totp_keys(self) -> str:
        given = self.settings.totp_keys
        return given.get_secret_value() if given is not None else self.secrets.totp_keys

    def _public_listener(self) -> dict[str, str]:
        settings = self.settings
        given = {
            "GATEWAY_HOST": settings.gateway_host,
            "GATEWAY_TLS_CERTIFICATE_FILE": settings.gateway_tls_certificate_file,
            "GATEWAY_TLS_KEY_FILE": settings.gateway_tls_key_file,
        }
        return {name: str(value) for name, value in given.items() if value is not None}

    def _notification_keys(self) -> str:
        given = self.settings.notification_keys
        return given.get_secret_value() if given is not None else self.secrets.notification_keys

    def _public_url(self) -> str:
        if self.settings.public_url is not None:
            return self.settings.public_url
        # The names in a certificate are not known here; an empty setting makes links relative to the gateway.
        return "" if self.settings.gateway_tls_certificate_file else self.gateway_url

    def _token_settings(self) -> dict[str, str]:
        given = self.settings.jwt_secret
        return {
            "JWT_SECRET": given.get_secret_value() if given is not None else self.secrets.jwt_secret,
            "ACCESS_TOKEN_EXPIRE_MINUTES": self.settings.access_token_expire_minutes,
        }

    def _wechat_settings(self) -> dict[str, str]:
        given = self.settings.cookie_keys
        environment = {
            "COOKIE_KEYS": given.get_secret_value() if given is not None else self.secrets.cookie_keys,
            "WECHAT_BASE_URL": self.wechat.base_url,
        }
        if self.wechat.ca_file is not None:
            environment["WECHAT_CA_FILE"] = str(self.wechat.ca_file)
        if self.settings.wechat_proxy is not None:
            environment["WECHAT_PROXY"] = self.settings.wechat_proxy.get_secret_value()
        return environment
