"""Adds two indexes for the lists of accounts, and a maintained count of accounts."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Rows that another transaction is folding are skipped: no writer waits, and the sum is still right.
COUNT_FUNCTION = """
CREATE FUNCTION account_count_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    change bigint;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM account_count_deltas;
        RETURN NULL;
    END IF;
    SELECT count(*) INTO change FROM changed_accounts;
    IF TG_OP = 'DELETE' THEN
        change := -change;
    END IF;
    IF change <> 0 THEN
        WITH folded AS (
            DELETE FROM account_count_deltas
            WHERE id IN (SELECT id FROM account_count_deltas FOR UPDATE SKIP LOCKED)
            RETURNING delta
        )
        INSERT INTO account_count_deltas (delta) SELECT coalesce(sum(delta), 0) + change FROM folded;
    END IF;
    RETURN NULL;
END;
$$
"""

# Built in the transaction, so that the migration is atomic: for a million accounts, writers, but not readers, wait
# for some seconds.
INDEXES = (
    """
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX accounts_email_key_trgm_idx ON accounts USING gin (email_key gin_trgm_ops)
""",
    """
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX accounts_active_expired_time_idx ON accounts (expired_time) WHERE activation_status = 'active'
""",
)


def upgrade() -> None:
    # A trusted extension since PostgreSQL 13: the database's owner can create it without being superuser.
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    for index in INDEXES:
        op.execute(index)
    op.create_table(
        "account_count_deltas",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("delta", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="account_count_deltas_pkey"),
    )
    op.execute(COUNT_FUNCTION)
    for event, transition in (
        ("INSERT", "REFERENCING NEW TABLE AS changed_accounts"),
        ("DELETE", "REFERENCING OLD TABLE AS changed_accounts"),
        ("TRUNCATE", ""),
    ):
        op.execute(
            f"CREATE TRIGGER account_count_{event.lower()} AFTER {event} ON accounts {transition} "
            "FOR EACH STATEMENT EXECUTE FUNCTION account_count_changed()"
        )
    # Creating the triggers locks out writers until the commit, so the sum is exact from here on.
    op.execute("INSERT INTO account_count_deltas (delta) SELECT count(*) FROM accounts")


def downgrade() -> None:
    for event in ("insert", "delete", "truncate"):
        op.execute(f"DROP TRIGGER account_count_{event} ON accounts")
    op.execute("DROP FUNCTION account_count_changed()")
    op.drop_table("account_count_deltas")
    op.drop_index("accounts_active_expired_time_idx", "accounts")
    op.drop_index("accounts_email_key_trgm_idx", "accounts")
    op.execute("DROP EXTENSION pg_trgm")
