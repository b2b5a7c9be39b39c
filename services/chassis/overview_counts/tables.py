"""The table of an overview's counts, declared once for every service."""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Identity,
    Index,
    MetaData,
    Table,
    Text,
)


def overview_counts_table(metadata: MetaData) -> Table:
    """Declares `overview_count_deltas` in a service's metadata.

    A count is the sum of the deltas of a kind and a day (UTC; "infinity" for what belongs to no day).
    """
    return Table(
        "overview_count_deltas",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("kind", Text, nullable=False),
        Column("day", Date, nullable=False),
        Column("delta", BigInteger, nullable=False),
        Index("overview_count_deltas_kind_day_idx", "kind", "day"),
    )
