"""Activation codes, the requests that generated them, the feed cursor and the jobs."""

import sqlalchemy as sa
from alembic import op

from services.chassis.jobs import schema

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ISO_TIME = r"'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$'"

# Skips rows that another transaction is merging, so that writers do not wait; the sum is correct anyway.
COUNT_FUNCTION = """
CREATE FUNCTION code_count_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    change bigint;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM code_count_deltas;
        RETURN NULL;
    END IF;
    SELECT count(*) INTO change FROM changed_codes;
    IF TG_OP = 'DELETE' THEN
        change := -change;
    END IF;
    IF change <> 0 THEN
        WITH folded AS (
            DELETE FROM code_count_deltas
            WHERE id IN (SELECT id FROM code_count_deltas FOR UPDATE SKIP LOCKED)
            RETURNING delta
        )
        INSERT INTO code_count_deltas (delta) SELECT coalesce(sum(delta), 0) + change FROM folded;
    END IF;
    RETURN NULL;
END;
$$
"""


def upgrade() -> None:
    # A trusted extension since PostgreSQL 13: the owner of a database may create it without being superuser.
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.create_table(
        "activation_codes",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("activation_code", sa.Text(collation="C"), nullable=False),
        sa.Column("user_email", sa.Text),
        sa.Column("account_id", sa.Uuid),
        sa.Column("activation_status", sa.Text(collation="C"), nullable=False),
        sa.Column("expiry_date", sa.Text(collation="C")),
        sa.Column("activation_time", sa.Text(collation="C")),
        sa.Column("valid_days", sa.Integer, nullable=False),
        sa.Column("create_time", sa.Text(collation="C"), nullable=False),
        sa.Column("update_time", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="activation_codes_pkey"),
        sa.UniqueConstraint("activation_code", name="activation_codes_activation_code_key"),
        sa.CheckConstraint(
            "activation_code ~ '^[0-9a-f]{32}$'", name="activation_codes_activation_code_format"
        ),
        sa.CheckConstraint(
            "activation_status IN ('pending', 'active', 'expired', 'revoked')",
            name="activation_codes_activation_status_known",
        ),
        sa.CheckConstraint("valid_days BETWEEN 1 AND 3650", name="activation_codes_valid_days_range"),
        sa.CheckConstraint(
            "num_nulls(account_id, user_email, expiry_date, activation_time) IN (0, 4)",
            name="activation_codes_redeemed_whole",
        ),
        sa.CheckConstraint(
            "activation_status <> 'pending' OR account_id IS NULL", name="activation_codes_pending_unbound"
        ),
        *(
            sa.CheckConstraint(f"{column} ~ {ISO_TIME}", name=f"activation_codes_{column}_format")
            for column in ("expiry_date", "activation_time", "create_time", "update_time")
        ),
    )
    newest = (sa.text("create_time DESC"), sa.text("id DESC"))
    op.create_index("activation_codes_newest_idx", "activation_codes", newest)
    op.create_index("activation_codes_status_newest_idx", "activation_codes", ("activation_status", *newest))
    op.create_index(
        "activation_codes_active_expiry_date_idx",
        "activation_codes",
        ("expiry_date",),
        postgresql_where=sa.text("activation_status = 'active'"),
    )
    op.create_index(
        "activation_codes_account_id_idx",
        "activation_codes",
        ("account_id",),
        postgresql_where=sa.text("account_id IS NOT NULL"),
    )
    op.create_index(
        "activation_codes_user_email_trgm_idx",
        "activation_codes",
        ("user_email",),
        postgresql_using="gin",
        postgresql_ops={"user_email": "gin_trgm_ops"},
        postgresql_where=sa.text("user_email IS NOT NULL"),
    )
    _create_code_count()
    op.create_table(
        "generation_requests",
        sa.Column("request_id", sa.Text(collation="C"), nullable=False),
        sa.Column("admin_account_id", sa.Uuid, nullable=False),
        sa.Column("valid_days", sa.Integer, nullable=False),
        sa.Column("code_count", sa.Integer, nullable=False),
        sa.Column("create_time", sa.Text(collation="C"), nullable=False),
        sa.Column("codes", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("request_id", name="generation_requests_pkey"),
        sa.CheckConstraint("octet_length(codes) = 32 * code_count", name="generation_requests_codes_whole"),
    )
    # Random bytes cannot be compressed.
    op.execute("ALTER TABLE generation_requests ALTER COLUMN codes SET STORAGE EXTERNAL")
    op.create_table(
        "feed_cursor",
        sa.Column("only_row", sa.Boolean, server_default="true", nullable=False),
        sa.Column("sequence", sa.BigInteger, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("only_row", name="feed_cursor_pkey"),
        sa.CheckConstraint("only_row", name="feed_cursor_only_row"),
    )
    op.execute("INSERT INTO feed_cursor DEFAULT VALUES")
    schema.create()


def _create_code_count() -> None:
    op.create_table(
        "code_count_deltas",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("delta", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="code_count_deltas_pkey"),
    )
    op.execute(COUNT_FUNCTION)
    for event, transition in (
        ("INSERT", "REFERENCING NEW TABLE AS changed_codes"),
        ("DELETE", "REFERENCING OLD TABLE AS changed_codes"),
        ("TRUNCATE", ""),
    ):
        op.execute(
            f"CREATE TRIGGER code_count_{event.lower()} AFTER {event} ON activation_codes {transition} "
            "FOR EACH STATEMENT EXECUTE FUNCTION code_count_changed()"
        )


def downgrade() -> None:
    schema.drop()
    for table in ("feed_cursor", "generation_requests", "activation_codes", "code_count_deltas"):
        op.drop_table(table)
    op.execute("DROP FUNCTION code_count_changed()")
    op.execute("DROP EXTENSION pg_trgm")
