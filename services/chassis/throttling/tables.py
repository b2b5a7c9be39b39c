"""The table of attempts, declared by each service that limits some."""

from sqlalchemy import Boolean, Column, DateTime, Index, LargeBinary, MetaData, Table, Uuid


def attempts_table(metadata: MetaData, name: str) -> Table:
    """Declares the table `name` in a service's metadata. An attempt has a row in each bucket it falls into."""
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
