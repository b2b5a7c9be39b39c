"""Sessions to log out at WeChat, because their cookie was deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pending_logouts",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("jar", sa.LargeBinary, nullable=False),
        sa.Column("created_time", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("due_time", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("attempts", sa.Integer, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pending_logouts_pkey"),
    )
    op.create_index("pending_logouts_due_time_idx", "pending_logouts", ["due_time"])


def downgrade() -> None:
    op.drop_table("pending_logouts")
