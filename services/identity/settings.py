"""Identity's settings, read from the environment."""

import os
import re
import sys
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from services.chassis.settings import DatabaseUrl, DirectDatabaseUrl, Port, ServiceSettings
from services.chassis.strong_secret import StrongSecret
from services.chassis.vault import Vault, vault_of
from services.identity.accounts.emails import LONGEST, checked_email


def usable_cores() -> int:
    """Returns the number of cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_ORIGIN = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?")


def _origin(url: str) -> str:
    # Links lead to this address, so whatever is not plainly an origin is refused.
    if url and _ORIGIN.fullmatch(url) is None:
        raise ValueError("must be http:// or https:// with a host, and a port if it is not the usual one")
    return url.rstrip("/")


def _keys(keys: SecretStr) -> SecretStr:
    if keys.get_secret_value():
        vault_of(keys.get_secret_value())
    return keys


class IdentitySettings(ServiceSettings):
    """The settings of Identity, in addition to those of every service."""

    identity_database_url: DatabaseUrl
    # Of PostgreSQL itself, where the URL above leads to PgBouncer.
    identity_direct_database_url: DirectDatabaseUrl = None
    identity_port: Port = 50051
    identity_ops_port: Port = 9051
    identity_metrics_port: Port = 9151
    jwt_secret: StrongSecret
    access_token_expire_minutes: int = Field(default=1440, ge=1, le=525_600)
    # The time for which account changes are kept for subscribers that were disconnected.
    account_feed_keep_hours: int = Field(default=168, ge=1, le=8760)
    # Only the other services' replicas watch the feed.
    max_streams: int = Field(default=200, ge=1, le=20_000)
    # Concurrent password hashes; callers that wait for a hash, in total and of one client network.
    hashing_threads: int = Field(default_factory=usable_cores, ge=1, le=256)
    hashing_queue: int = Field(default=192, ge=1, le=4000)
    hashing_queue_per_network: int = Field(default=16, ge=1, le=1000)
    # Within 15 minutes. Wrong passwords by account and client network, by account over all networks that it is not
    # known at, and by network over all accounts; sign-ins by account and network.
    sign_in_limit_per_account: int = Field(default=10, ge=1, le=1000)
    sign_in_limit_unknown_networks: int = Field(default=100, ge=1, le=100_000)
    sign_in_limit_per_address: int = Field(default=100, ge=1, le=100_000)
    sign_ins_per_account: int = Field(default=60, ge=1, le=100_000)
    # Registrations by client network within an hour.
    registration_limit_per_address: int = Field(default=1000, ge=1, le=1_000_000)
    # The gateway's address as users reach it, for links: scheme://host or scheme://host:port.
    public_url: Annotated[str, AfterValidator(_origin)] | None = None
    # Fernet keys separated by commas, for the secrets of second factors: the first encrypts, all decrypt. Without
    # them, second factors cannot be set up.
    totp_keys: Annotated[SecretStr, AfterValidator(_keys)] | None = None
    # Whether admins without a second factor are refused everything that needs an admin.
    require_admin_totp: bool = False
    # For the command ensure-admin only.
    admin_email: Annotated[str, AfterValidator(checked_email)] | None = Field(
        default=None, max_length=LONGEST
    )
    admin_password: SecretStr | None = Field(default=None, min_length=6, max_length=128)

    @property
    def totp_vault(self) -> Vault | None:
        """Returns the vault with TOTP_KEYS, or None if they are not set."""
        keys = self.totp_keys.get_secret_value() if self.totp_keys is not None else ""
        return vault_of(keys) if keys else None

    @model_validator(mode="after")
    def _can_enrol(self) -> Self:
        if self.require_admin_totp and self.totp_vault is None:
            raise ValueError("REQUIRE_ADMIN_TOTP needs TOTP_KEYS")
        return self
