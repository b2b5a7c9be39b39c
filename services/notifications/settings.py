"""The settings of Notifications."""

import ipaddress
import ssl
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode, SettingsConfigDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from services.chassis.settings import CertificateFile, DatabaseUrl, DirectDatabaseUrl, Port, ServiceSettings
from services.chassis.vault import Vault, vault_of
from services.notifications.sending.addresses import Network
from services.notifications.sending.exchange import Proxy
from services.notifications.sending.mail import SmtpServer


def _strong_keys(keys: SecretStr) -> SecretStr:
    vault_of(keys.get_secret_value())
    return keys


def _proxy(url: SecretStr) -> SecretStr:
    Proxy.parse(url.get_secret_value())
    return url


def _smtp(url: SecretStr) -> SecretStr:
    SmtpServer.parse(url.get_secret_value())
    return url


def _sender(address: str) -> str:
    if "@" not in address or any(character in address for character in "\r\n"):
        raise ValueError("must be an e-mail address, or a name with one in <>")
    return address


def _networks(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(ipaddress.ip_network(part.strip()) for part in value.split(",") if part.strip())


Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)]


class NotificationsSettings(ServiceSettings):
    """Frozen; see ServiceSettings. An empty variable counts as not set."""

    model_config = SettingsConfigDict(env_ignore_empty=True)

    notifications_database_url: DatabaseUrl
    # Of PostgreSQL itself, where the URL above leads to PgBouncer.
    notifications_direct_database_url: DirectDatabaseUrl = None
    notifications_port: Port = 50054
    notifications_ops_port: Port = 9054
    notifications_metrics_port: Port = 9154
    # Identity's replicas: "host:port", or several separated by commas.
    identity_address: str = "127.0.0.1:50051"
    # Fernet keys separated by commas, for the channels' addresses and secrets: the first encrypts, all decrypt.
    notification_keys: Annotated[SecretStr, AfterValidator(_strong_keys)]
    # The time for which notifications are kept.
    notification_days: int = Field(default=90, ge=7, le=3650)
    # http://[user:password@]host:port, for webhooks and the services of other channels.
    notification_proxy: Annotated[SecretStr, AfterValidator(_proxy)] | None = None
    # Networks that webhooks may reach although they are not public, as 10.1.2.0/24, separated by commas.
    notification_inner_networks: Networks = ()
    # PEM file of authorities that replace the public ones, for receivers in inner networks.
    notification_ca_file: CertificateFile | None = None
    # smtps://user:password@host:port, or smtp+starttls:// or smtp://; without it there is no e-mail.
    smtp_url: Annotated[SecretStr, AfterValidator(_smtp)] | None = None
    smtp_from: Annotated[str, AfterValidator(_sender)] = "fastmp@localhost"
    max_channels_per_account: int = Field(default=10, ge=1, le=1000)
    # Within an hour and per account.
    channel_change_limit_per_account: int = Field(default=60, ge=1, le=1_000_000)
    channel_test_limit_per_account: int = Field(default=20, ge=1, le=1_000_000)

    @property
    def vault(self) -> Vault:
        """Returns the vault with the keys of the channels' secrets."""
        return vault_of(self.notification_keys.get_secret_value())

    @property
    def proxy(self) -> Proxy | None:
        """Returns the proxy, None without one."""
        return (
            None
            if self.notification_proxy is None
            else Proxy.parse(self.notification_proxy.get_secret_value())
        )

    @property
    def smtp_server(self) -> SmtpServer | None:
        """Returns the SMTP server, None without one."""
        return None if self.smtp_url is None else SmtpServer.parse(self.smtp_url.get_secret_value())

    @property
    def tls_context(self) -> ssl.SSLContext:
        """Returns the TLS context for receivers and the SMTP server."""
        return ssl.create_default_context(cafile=_authorities(self.notification_ca_file))


def _authorities(file: Path | None) -> str:
    return DEFAULT_CA_BUNDLE_PATH if file is None else str(file)
