"""Cookies, their hand-outs, deleted owners, and the cursor of the account feed."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_cookies()
    _create_acquisitions()
    op.create_table(
        "deleted_owners",
        sa.Column("owner_id", sa.Uuid, nullable=False),
        sa.Column("deleted_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", name="deleted_owners_pkey"),
    )
    op.create_index("deleted_owners_deleted_time_idx", "deleted_owners", ["deleted_time"])
    op.create_table(
        "feed_cursor",
        sa.Column("only_row", sa.Boolean, nullable=False, server_default="true"),
        sa.Column("sequence", sa.BigInteger, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("only_row", name="feed_cursor_pkey"),
        sa.CheckConstraint("only_row", name="feed_cursor_only_row"),
    )
    op.execute("INSERT INTO feed_cursor DEFAULT VALUES")


def downgrade() -> None:
    op.drop_table("feed_cursor")
    op.drop_table("deleted_owners")
    op.drop_table("acquisitions")
    op.drop_table("cookies")


def _create_cookies() -> None:
    op.create_table(
        "cookies",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("owner_id", sa.Uuid, nullable=False),
        sa.Column("owner_email", sa.Text, nullable=False),
        sa.Column("created_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.Text, nullable=False, server_default=""),
        sa.Column("avatar_url", sa.Text, nullable=False, server_default=""),
        sa.Column("avatar", sa.LargeBinary),
        sa.Column("avatar_type", sa.Text),
        sa.Column(
            "local",
            sa.Text,
            sa.Computed("'static/cookies/'::text || token", persisted=True),
            nullable=False,
        ),
        sa.Column("is_current", sa.Boolean, nullable=False),
        sa.Column("original_id", sa.Text),
        sa.Column("jar", sa.LargeBinary, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("health", sa.Text, nullable=False, server_default="ok"),
        sa.Column("cooling_until", sa.DateTime(timezone=True)),
        sa.Column("limited_time", sa.DateTime(timezone=True)),
        sa.Column("limited_count", sa.SmallInteger, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id", name="cookies_pkey"),
        sa.UniqueConstraint("token", name="cookies_token_key"),
        sa.UniqueConstraint("owner_id", "original_id", name="cookies_owner_id_original_id_key"),
        sa.CheckConstraint("token ~ '^[0-9]{1,20}$'", name="cookies_token_is_a_number"),
        sa.CheckConstraint("expire_time > created_time", name="cookies_expire_after_creation"),
        sa.CheckConstraint("(avatar IS NULL) = (avatar_type IS NULL)", name="cookies_avatar_has_type"),
        sa.CheckConstraint("health IN ('ok', 'dead', 'cooling_down')", name="cookies_health_is_known"),
        sa.CheckConstraint(
            "(health = 'cooling_down') = (cooling_until IS NOT NULL)", name="cookies_cooling_has_an_end"
        ),
    )
    op.create_index(
        "cookies_one_current_key",
        "cookies",
        ["owner_id"],
        unique=True,
        postgresql_where=sa.text("is_current"),
    )
    op.create_index(
        "cookies_newest_of_owner_idx", "cookies", ["owner_id", sa.text("created_time DESC"), "id"]
    )
    op.create_index("cookies_owner_email_idx", "cookies", [sa.text("lower(owner_email)")])
    op.create_index("cookies_expire_time_idx", "cookies", ["expire_time"])


def _create_acquisitions() -> None:
    op.create_table(
        "acquisitions",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("cookie_id", sa.Uuid, nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("owner_id", sa.Uuid, nullable=False),
        sa.Column("owner_email", sa.Text, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("client_address", sa.Text, nullable=False),
        sa.Column("acquired_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("reported_time", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="acquisitions_pkey"),
        sa.CheckConstraint(
            "outcome IN ('ok', 'dead', 'rate_limited', 'error')", name="acquisitions_outcome_is_known"
        ),
        sa.CheckConstraint(
            "(outcome IS NULL) = (reported_time IS NULL)", name="acquisitions_outcome_has_time"
        ),
    )
    op.create_index("acquisitions_acquired_time_idx", "acquisitions", ["acquired_time"])
