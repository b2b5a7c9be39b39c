"""Creates the tables of accounts, their feed of changes, and the activations applied to them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_key", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("activation_status", sa.Text, nullable=False),
        sa.Column("activation_code", sa.Text),
        sa.Column("expired_time", TIME),
        sa.Column("tokens_valid_after", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("newest_token", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="accounts_pkey"),
        sa.UniqueConstraint("email_key", name="accounts_email_key_key"),
        sa.UniqueConstraint("activation_code", name="accounts_activation_code_key"),
        sa.CheckConstraint("role IN ('admin', 'user')", name="accounts_role_check"),
        sa.CheckConstraint(
            "activation_status IN ('pending', 'active', 'expired', 'revoked')",
            name="accounts_activation_status_check",
        ),
    )
    newest = [sa.text("created_at DESC"), sa.text("id DESC")]
    op.create_index("accounts_newest_idx", "accounts", newest)
    op.create_index("accounts_role_newest_idx", "accounts", ["role", *newest])
    op.create_index("accounts_status_newest_idx", "accounts", ["activation_status", *newest])
    feed = op.create_table(
        "account_feed",
        sa.Column("only_row", sa.Boolean, nullable=False, server_default="true"),
        sa.Column("sequence", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("pruned_up_to", sa.BigInteger, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("only_row", name="account_feed_pkey"),
        sa.CheckConstraint("only_row", name="account_feed_only_row_check"),
    )
    op.bulk_insert(feed, [{"only_row": True}])
    op.create_table(
        "account_changes",
        sa.Column("sequence", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("account_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("time", TIME, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="account_changes_pkey"),
        sa.CheckConstraint("kind IN ('changed', 'deleted')", name="account_changes_kind_check"),
    )
    op.create_table(
        "account_activations",
        sa.Column("activation_code", sa.Text, nullable=False),
        sa.Column("account_id", sa.Uuid),
        sa.Column("expired_time", TIME),
        sa.Column("applied_at", TIME),
        sa.Column("cleared_at", TIME),
        sa.PrimaryKeyConstraint("activation_code", name="account_activations_pkey"),
    )


def downgrade() -> None:
    op.drop_table("account_activations")
    op.drop_table("account_changes")
    op.drop_table("account_feed")
    op.drop_table("accounts")
