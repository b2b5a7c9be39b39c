"""Adds the second factor of accounts: the encrypted secret, the last step used, and the recovery codes."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("totp_secret", sa.LargeBinary))
    op.add_column("accounts", sa.Column("totp_confirmed_at", sa.DateTime(timezone=True)))
    op.add_column("accounts", sa.Column("totp_last_step", sa.BigInteger, nullable=False, server_default="0"))
    op.create_table(
        "recovery_codes",
        sa.Column("account_id", sa.Uuid, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "digest", name="recovery_codes_pkey"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="recovery_codes_account_id_fkey", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_table("recovery_codes")
    op.drop_column("accounts", "totp_last_step")
    op.drop_column("accounts", "totp_confirmed_at")
    op.drop_column("accounts", "totp_secret")
