"""The starts of logins that count against the limits of an hour."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "login_starts",
        sa.Column("attempt_id", sa.Uuid, nullable=False),
        sa.Column("bucket", sa.LargeBinary, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("attempt_id", "bucket", name="login_starts_pkey"),
    )
    op.create_index("login_starts_bucket_started_at_idx", "login_starts", ["bucket", "started_at"])
    op.create_index("login_starts_started_at_idx", "login_starts", ["started_at"])


def downgrade() -> None:
    op.drop_table("login_starts")
