"""The declaration of the table of attempts, for services with limits."""

from sqlalchemy import Boolean, Column, DateTime, Index, LargeBinary, MetaData, Table, Uuid


def attempts_table(metadata: MetaData, name: str) -> Table:
    """Declares the table `name` in a service's metadata. An attempt has a row for each of its buckets."""
    return Table(
        name,
        metadata,
        Column("attempt_id", Uuid, primary_key=True),
        Column("bucket", LargeBinary, primary_key=True),
        Column("started_at", DateTime(timezone=True), nullable=False),
        # Whether its outcome is still unknown.
        Column("is_open", Boolean, nullable=False),
        Index(f"{name}_bucket_started_at_idx", "bucket", "started_at"),
        Index(f"{name}_started_at_idx", "started_at"),
    )
