"""Creates the table of password links."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "password_links",
        sa.Column("account_id", sa.Uuid, nullable=False),
        sa.Column("ticket_digest", sa.LargeBinary, nullable=False),
        sa.Column("created_by", sa.Uuid, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expire_time", TIME, nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="password_links_pkey"),
        sa.UniqueConstraint("ticket_digest", name="password_links_ticket_digest_key"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="password_links_account_id_fkey", ondelete="CASCADE"
        ),
    )
    op.create_index("password_links_expire_time_idx", "password_links", ["expire_time"])


def downgrade() -> None:
    op.drop_table("password_links")
