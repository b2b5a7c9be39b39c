"""The table of the outbox, declared once for every service."""

from sqlalchemy import Boolean, Column, DateTime, Identity, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import BigInteger


def outbox_table(metadata: MetaData) -> Table:
    """Declares `notification_outbox` in a service's metadata. A row is deleted when Notifications has taken it."""
    return Table(
        "notification_outbox",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("event_id", Text, nullable=False),
        # Whether the event is withdrawn; then only its id counts.
        Column("is_withdrawal", Boolean, nullable=False),
        Column("kind", Text),
        # Null for events that all admins are notified of.
        Column("owner_id", Uuid),
        Column("subject_id", Text),
        Column("given", JSONB),
        Column("valid_until", DateTime(timezone=True)),
    )
