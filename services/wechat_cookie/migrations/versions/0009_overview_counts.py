"""Adds maintained counts of cookies by health and hour of expiry, for the overview."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Rows that another transaction is folding are skipped: no writer waits, and the sum is still right.
ADD = """
CREATE FUNCTION cookie_count_add(of_health text, of_hour timestamptz, change bigint) RETURNS void
LANGUAGE sql AS $$
    WITH folded AS (
        DELETE FROM cookie_count_deltas
        WHERE id IN (
            SELECT id FROM cookie_count_deltas WHERE health = of_health AND hour = of_hour
            FOR UPDATE SKIP LOCKED
        )
        RETURNING delta
    ), total AS (
        SELECT coalesce(sum(delta), 0) + change AS delta FROM folded
    )
    INSERT INTO cookie_count_deltas (health, hour, delta)
    SELECT of_health, of_hour, delta FROM total WHERE delta <> 0
$$
"""
CHANGED = """
CREATE FUNCTION cookie_count_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM cookie_count_deltas;
    ELSIF TG_OP = 'UPDATE' THEN
        PERFORM cookie_count_add(OLD.health, date_trunc('hour', OLD.expire_time, 'UTC'), -1);
        PERFORM cookie_count_add(NEW.health, date_trunc('hour', NEW.expire_time, 'UTC'), 1);
    ELSE
        PERFORM cookie_count_add(health, hour, CASE TG_OP WHEN 'DELETE' THEN -number ELSE number END)
        FROM (
            SELECT health, date_trunc('hour', expire_time, 'UTC') AS hour, count(*) AS number
            FROM changed_cookies GROUP BY 1, 2
        ) AS changed;
    END IF;
    RETURN NULL;
END;
$$
"""
TRIGGERS = (
    "CREATE TRIGGER cookie_count_insert AFTER INSERT ON cookies REFERENCING NEW TABLE AS changed_cookies "
    "FOR EACH STATEMENT EXECUTE FUNCTION cookie_count_changed()",
    "CREATE TRIGGER cookie_count_delete AFTER DELETE ON cookies REFERENCING OLD TABLE AS changed_cookies "
    "FOR EACH STATEMENT EXECUTE FUNCTION cookie_count_changed()",
    "CREATE TRIGGER cookie_count_truncate AFTER TRUNCATE ON cookies "
    "FOR EACH STATEMENT EXECUTE FUNCTION cookie_count_changed()",
    "CREATE TRIGGER cookie_count_update AFTER UPDATE OF health, expire_time ON cookies FOR EACH ROW "
    "WHEN ((OLD.health, OLD.expire_time) IS DISTINCT FROM (NEW.health, NEW.expire_time)) "
    "EXECUTE FUNCTION cookie_count_changed()",
)
# Built in the transaction, so that the migration is atomic; few cookies cool down at a time.
INDEX = """
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX cookies_cooling_until_idx ON cookies (cooling_until) WHERE health = 'cooling_down'
"""


def upgrade() -> None:
    op.create_table(
        "cookie_count_deltas",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("health", sa.Text, nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delta", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="cookie_count_deltas_pkey"),
    )
    op.create_index("cookie_count_deltas_health_hour_idx", "cookie_count_deltas", ["health", "hour"])
    for statement in (ADD, CHANGED, INDEX, *TRIGGERS):
        op.execute(statement)
    # Creating the triggers locks out writers until the commit, so the sums are exact from here on.
    op.execute(
        "INSERT INTO cookie_count_deltas (health, hour, delta) "
        "SELECT health, date_trunc('hour', expire_time, 'UTC'), count(*) FROM cookies GROUP BY 1, 2"
    )


def downgrade() -> None:
    for event in ("insert", "update", "delete", "truncate"):
        op.execute(f"DROP TRIGGER cookie_count_{event} ON cookies")
    op.execute("DROP FUNCTION cookie_count_changed()")
    op.execute("DROP FUNCTION cookie_count_add(text, timestamptz, bigint)")
    op.drop_index("cookies_cooling_until_idx", "cookies")
    op.drop_table("cookie_count_deltas")
