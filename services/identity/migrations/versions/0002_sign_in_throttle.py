"""Creates the tables of limited attempts, and of the networks from which accounts were signed in to."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "sign_in_attempts",
        sa.Column("attempt_id", sa.Uuid, nullable=False),
        sa.Column("bucket", sa.LargeBinary, nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("attempt_id", "bucket", name="sign_in_attempts_pkey"),
    )
    op.create_index("sign_in_attempts_bucket_started_at_idx", "sign_in_attempts", ["bucket", "started_at"])
    op.create_index("sign_in_attempts_started_at_idx", "sign_in_attempts", ["started_at"])
    op.create_table(
        "known_networks",
        sa.Column("account_id", sa.Uuid, nullable=False),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("last_used", TIME, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "network", name="known_networks_pkey"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="known_networks_account_id_fkey", ondelete="CASCADE"
        ),
    )
    op.create_index("known_networks_last_used_idx", "known_networks", ["last_used"])


def downgrade() -> None:
    op.drop_table("known_networks")
    op.drop_table("sign_in_attempts")
