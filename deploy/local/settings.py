"""Settings of the local stack, read once from the environment; all are optional."""

from ipaddress import IPv4Address
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy.local.errors import LocalStackError
from deploy.local.ports import LOOPBACK
from services.chassis.settings import CertificateFile, KeyFile, Port, problems


class LocalSettings(BaseSettings):
    """The settings. Each field is the environment variable of the same name in upper case; an empty one is unset.

    Port 0 is a free port chosen by the system. Other environment variables are passed to the services unchanged.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    gateway_port: Port = 8080
    identity_port: Port = 50051
    activation_port: Port = 50052
    wechat_cookie_port: Port = 50053
    notifications_port: Port = 50054
    identity_ops_port: Port = 9051
    activation_ops_port: Port = 9052
    wechat_cookie_ops_port: Port = 9053
    notifications_ops_port: Port = 9054
    identity_metrics_port: Port = 9151
    activation_metrics_port: Port = 9152
    wechat_cookie_metrics_port: Port = 9153
    notifications_metrics_port: Port = 9154
    # Off by default: it needs Envoy's administration interface, on a Unix socket in the state directory.
    gateway_metrics_port: Port | None = None
    phone_port: Port = 8090

    # The address that the gateway listens on. The services listen on loopback only.
    gateway_host: IPv4Address = IPv4Address(LOOPBACK)
    # For HTTPS to REST callers; both or neither.
    gateway_tls_certificate_file: CertificateFile | None = None
    gateway_tls_key_file: KeyFile | None = None

    # Where the stack's processes write their logs: rotated files, or the standard error of the stack itself.
    log_destination: Literal["files", "stderr"] = "files"
    fastmp_state_dir: Path = Path("var")
    # Validated by the services, so that the message about a bad one is the same everywhere.
    identity_database_url: str | None = Field(default=None, repr=False)
    activation_database_url: str | None = Field(default=None, repr=False)
    wechat_cookie_database_url: str | None = Field(default=None, repr=False)
    notifications_database_url: str | None = Field(default=None, repr=False)
    # Of PostgreSQL itself, where those above lead to PgBouncer.
    identity_direct_database_url: str | None = Field(default=None, repr=False)
    activation_direct_database_url: str | None = Field(default=None, repr=False)
    wechat_cookie_direct_database_url: str | None = Field(default=None, repr=False)
    notifications_direct_database_url: str | None = Field(default=None, repr=False)
    jwt_secret: SecretStr | None = None
    access_token_expire_minutes: str = "1440"  # noqa: S105 - a duration
    # The gateway's address as users reach it; by default, its address on this machine.
    public_url: str | None = None
    cookie_keys: SecretStr | None = None
    totp_keys: SecretStr | None = None
    notification_keys: SecretStr | None = None
    wechat_base_url: str = "https://mp.weixin.qq.com"
    wechat_ca_file: Path | None = None
    wechat_proxy: SecretStr | None = None

    admin_email: str = "admin@fastmp.example"
    admin_password: SecretStr | None = None

    @classmethod
    def from_environment(cls) -> Self:
        """Returns the settings of this process.

        Raises LocalStackError with a line for each bad one, without its value.
        """
        try:
            return cls()
        except ValidationError as error:
            raise LocalStackError("\n".join(problems(error))) from None

    @classmethod
    def side_by_side(cls, state_dir: Path, **changes: object) -> Self:
        """Returns settings for a stack beside others: its own state directory, ports chosen by the system."""
        ports = {
            name: 0
            for name, field in cls.model_fields.items()
            if name.endswith("_port") and field.default is not None
        }
        return cls.model_validate({**ports, "fastmp_state_dir": state_dir, **changes})

    def port(self, setting: str) -> int:
        """Returns the value of a port setting, e.g. "IDENTITY_OPS_PORT"."""
        return int(getattr(self, setting.lower()))

    def database_url(self, service: str) -> str | None:
        """Returns the URL of the service's database, or None if it is not set."""
        url: str | None = getattr(self, f"{service}_database_url")
        return url

    def direct_database_url(self, service: str) -> str | None:
        """Returns the URL of the service's database past PgBouncer, or None if it is not set."""
        url: str | None = getattr(self, f"{service}_direct_database_url")
        return url
