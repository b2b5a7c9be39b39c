"""Batches of codes, from when the days of a code count, and until when it can be redeemed."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ISO_TIME = r"'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$'"
# Codes of the releases before belong to no batch.
COLUMNS = (
    """
ALTER TABLE activation_codes
    ADD COLUMN batch_id uuid,
    ADD COLUMN days_from text COLLATE "C" DEFAULT 'now' NOT NULL,
    ADD COLUMN redeem_before text COLLATE "C"
""",
    "ALTER TABLE generation_requests ADD COLUMN batch_id uuid",
)
# Built in the transaction: both are empty, so writers wait only for one scan of the table.
INDEXES = (
    """
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX activation_codes_batch_newest_idx
    ON activation_codes (batch_id, create_time DESC, id DESC) INCLUDE (activation_status, expiry_date)
    WHERE batch_id IS NOT NULL
""",
    """
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX activation_codes_pending_redeem_before_idx ON activation_codes (redeem_before)
    WHERE activation_status = 'pending' AND redeem_before IS NOT NULL
""",
)


def upgrade() -> None:
    op.create_table(
        "code_batches",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("note", sa.Text),
        sa.Column("valid_days", sa.Integer, nullable=False),
        sa.Column("days_from", sa.Text(collation="C"), nullable=False),
        sa.Column("redeem_before", sa.Text(collation="C")),
        sa.Column("create_time", sa.Text(collation="C"), nullable=False),
        sa.Column("admin_account_id", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("id", name="code_batches_pkey"),
        sa.CheckConstraint("days_from IN ('now', 'expiry')", name="code_batches_days_from_known"),
        *(
            sa.CheckConstraint(f"{column} ~ {ISO_TIME}", name=f"code_batches_{column}_format")
            for column in ("redeem_before", "create_time")
        ),
    )
    op.create_index(
        "code_batches_newest_idx", "code_batches", (sa.text("create_time DESC"), sa.text("id DESC"))
    )
    for statement in (*COLUMNS, *INDEXES):
        op.execute(statement)


def downgrade() -> None:
    op.drop_index("activation_codes_pending_redeem_before_idx", "activation_codes")
    op.drop_index("activation_codes_batch_newest_idx", "activation_codes")
    op.drop_column("generation_requests", "batch_id")
    for column in ("redeem_before", "days_from", "batch_id"):
        op.drop_column("activation_codes", column)
    op.drop_table("code_batches")
