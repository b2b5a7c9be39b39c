"""Identity's settings, from the environment."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from services.chassis.settings import DatabaseUrl, Port, ServiceSettings
from services.chassis.strong_secret import StrongSecret
from services.identity.accounts.emails import LONGEST, checked_email
from services.identity.passwords.admission import usable_cores


class IdentitySettings(ServiceSettings):
    """What Identity needs beyond what every service has."""

    identity_database_url: DatabaseUrl
    identity_port: Port = 50051
    identity_ops_port: Port = 9051
    identity_metrics_port: Port = 9151
    jwt_secret: StrongSecret
    access_token_expire_minutes: int = Field(default=1440, ge=1, le=525_600)
    # How long a change of an account can be read again by a subscriber that was away.
    account_feed_keep_hours: int = Field(default=168, ge=1, le=8760)
    # Only the other services' replicas watch the feed.
    max_streams: int = Field(default=200, ge=1, le=20_000)
    # Passwords hashed at once, and how many wait behind them: at a fifth of a second each, some seconds.
    hashing_threads: int = Field(default_factory=usable_cores, ge=1, le=256)
    hashing_queue: int = Field(default=64, ge=0, le=1000)
    # Wrong passwords by account and by client address within 15 minutes; registrations by address in an hour.
    sign_in_limit_per_account: int = Field(default=10, ge=1, le=1000)
    sign_in_limit_per_address: int = Field(default=100, ge=1, le=100_000)
    registration_limit_per_address: int = Field(default=1000, ge=1, le=1_000_000)
    # For the command ensure-admin only.
    admin_email: Annotated[str, AfterValidator(checked_email)] | None = Field(
        default=None, max_length=LONGEST
    )
    admin_password: SecretStr | None = Field(default=None, min_length=6, max_length=128)
