"""Activation's settings."""

from pydantic import Field

from services.chassis.settings import DatabaseUrl, DirectDatabaseUrl, Port, ServiceSettings


class ActivationSettings(ServiceSettings):
    """Frozen; see ServiceSettings. Port 0 selects a free port."""

    activation_database_url: DatabaseUrl
    # Of PostgreSQL itself, where the URL above leads to PgBouncer.
    activation_direct_database_url: DirectDatabaseUrl = None
    activation_port: Port = 50052
    activation_ops_port: Port = 9052
    activation_metrics_port: Port = 9152
    # Identity's replicas: "host:port", or several separated by commas.
    identity_address: str = "127.0.0.1:50051"
    # Twice that of the other services: a redemption spends most of its time waiting for Identity.
    unary_threads: int = Field(default=64, ge=4, le=512)
    # An export is cancelled when its client does not read a block for this time to twice this time.
    export_stall_seconds: float = Field(default=30, ge=0.1, le=600)
    # Whether exported CSV files begin with a byte order mark, which marks them as UTF-8 for Excel.
    csv_byte_order_mark: bool = True
    # Codes that do not exist, by account and by client address within 15 minutes.
    activation_limit_per_account: int = Field(default=10, ge=1, le=1000)
    activation_limit_per_address: int = Field(default=100, ge=1, le=100_000)
    # Notifications' replicas, as `identity_address`.
    notifications_address: str = "127.0.0.1:50054"
    # Admins are notified when fewer codes than this can be redeemed; 0 turns it off.
    low_stock_codes: int = Field(default=20, ge=0, le=1_000_000)
