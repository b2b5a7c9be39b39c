"""The guesses of codes for throttling."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "activation_attempts",
        sa.Column("attempt_id", sa.Uuid, nullable=False),
        sa.Column("bucket", sa.LargeBinary, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("attempt_id", "bucket", name="activation_attempts_pkey"),
    )
    op.create_index(
        "activation_attempts_bucket_started_at_idx", "activation_attempts", ["bucket", "started_at"]
    )
    op.create_index("activation_attempts_started_at_idx", "activation_attempts", ["started_at"])


def downgrade() -> None:
    op.drop_table("activation_attempts")
