"""The table of an overview's counts, and the function that triggers call, within a migration."""

import sqlalchemy as sa
from alembic import op

# Rows that another transaction is folding are skipped, so no writer waits.
ADD = """
CREATE FUNCTION overview_count_add(of_kind text, of_day date, change bigint) RETURNS void LANGUAGE sql AS $$
    WITH folded AS (
        DELETE FROM overview_count_deltas
        WHERE id IN (
            SELECT id FROM overview_count_deltas WHERE kind = of_kind AND day = of_day FOR UPDATE SKIP LOCKED
        )
        RETURNING delta
    ), total AS (
        SELECT coalesce(sum(delta), 0) + change AS delta FROM folded
    )
    INSERT INTO overview_count_deltas (kind, day, delta)
    SELECT of_kind, of_day, delta FROM total WHERE delta <> 0
$$
"""


def create() -> None:
    """Creates the table and overview_count_add(), within a migration's upgrade()."""
    op.create_table(
        "overview_count_deltas",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("delta", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="overview_count_deltas_pkey"),
    )
    op.create_index("overview_count_deltas_kind_day_idx", "overview_count_deltas", ["kind", "day"])
    op.execute(ADD)


def drop() -> None:
    """Drops what create() created, within a migration's downgrade()."""
    op.execute("DROP FUNCTION overview_count_add(text, date, bigint)")
    op.drop_table("overview_count_deltas")
