"""Adds maintained counts for the overview: accounts by state and last day of access, and sign-ins by day."""

from alembic import op

from services.chassis.overview_counts import schema_v1 as overview_counts

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KIND = """
CREATE FUNCTION overview_kind(role text, status text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN role = 'admin' THEN 'admin' ELSE status END
$$
"""
# In UTC. Only active users whose access ends have one; "infinity" stands for none.
DAY = """
CREATE FUNCTION overview_day(role text, status text, expired_time timestamptz) RETURNS date
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN role = 'user' AND status = 'active' AND expired_time IS NOT NULL
        THEN (expired_time AT TIME ZONE 'UTC')::date ELSE 'infinity'::date END
$$
"""
ACCOUNTS = """
CREATE FUNCTION overview_accounts_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM overview_count_deltas WHERE kind <> 'sign_in';
    ELSIF TG_OP = 'UPDATE' THEN
        PERFORM overview_count_add(
            overview_kind(OLD.role, OLD.activation_status),
            overview_day(OLD.role, OLD.activation_status, OLD.expired_time), -1);
        PERFORM overview_count_add(
            overview_kind(NEW.role, NEW.activation_status),
            overview_day(NEW.role, NEW.activation_status, NEW.expired_time), 1);
    ELSE
        PERFORM overview_count_add(kind, day, CASE TG_OP WHEN 'DELETE' THEN -number ELSE number END)
        FROM (
            SELECT overview_kind(role, activation_status) AS kind,
                overview_day(role, activation_status, expired_time) AS day, count(*) AS number
            FROM changed_accounts GROUP BY 1, 2
        ) AS changed;
    END IF;
    RETURN NULL;
END;
$$
"""
SIGN_INS = """
CREATE FUNCTION overview_signed_in() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM overview_count_add('sign_in', (NEW.time AT TIME ZONE 'UTC')::date, 1);
    RETURN NULL;
END;
$$
"""
TRIGGERS = (
    "CREATE TRIGGER overview_insert AFTER INSERT ON accounts REFERENCING NEW TABLE AS changed_accounts "
    "FOR EACH STATEMENT EXECUTE FUNCTION overview_accounts_changed()",
    "CREATE TRIGGER overview_delete AFTER DELETE ON accounts REFERENCING OLD TABLE AS changed_accounts "
    "FOR EACH STATEMENT EXECUTE FUNCTION overview_accounts_changed()",
    "CREATE TRIGGER overview_truncate AFTER TRUNCATE ON accounts "
    "FOR EACH STATEMENT EXECUTE FUNCTION overview_accounts_changed()",
    # Most updates, those of sign-ins, change none of these.
    "CREATE TRIGGER overview_update AFTER UPDATE OF role, activation_status, expired_time ON accounts FOR EACH ROW "
    "WHEN ((OLD.role, OLD.activation_status, OLD.expired_time) IS DISTINCT FROM "
    "(NEW.role, NEW.activation_status, NEW.expired_time)) EXECUTE FUNCTION overview_accounts_changed()",
    "CREATE TRIGGER overview_sign_in AFTER INSERT ON audit_log FOR EACH ROW "
    "WHEN (NEW.action = 'sign_in' AND NEW.outcome = 'ok') EXECUTE FUNCTION overview_signed_in()",
)
FUNCTIONS = (
    "overview_signed_in()",
    "overview_accounts_changed()",
    "overview_day(text, text, timestamptz)",
    "overview_kind(text, text)",
)


def upgrade() -> None:
    overview_counts.create()
    for function in (KIND, DAY, ACCOUNTS, SIGN_INS):
        op.execute(function)
    for trigger in TRIGGERS:
        op.execute(trigger)
    # Creating the triggers locks out writers until the commit, so the sums are exact from here on.
    op.execute(
        "INSERT INTO overview_count_deltas (kind, day, delta) "
        "SELECT overview_kind(role, activation_status), "
        "overview_day(role, activation_status, expired_time), count(*) FROM accounts GROUP BY 1, 2"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER overview_sign_in ON audit_log")
    for event in ("insert", "update", "delete", "truncate"):
        op.execute(f"DROP TRIGGER overview_{event} ON accounts")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    overview_counts.drop()
