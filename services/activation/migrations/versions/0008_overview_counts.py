"""Maintained counts for the overview: codes by state and day, redemptions by day, and the stock of batches."""

from alembic import op

from services.chassis.overview_counts import schema_v1 as overview_counts

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# What one code counts as. The first ten characters of a stored time are its day in UTC; "infinity" stands for none.
KINDS = """
CREATE FUNCTION overview_kinds(code activation_codes) RETURNS TABLE (kind text, day date) LANGUAGE sql AS $$
    SELECT code.activation_status, coalesce(
        left(CASE code.activation_status
            WHEN 'active' THEN code.expiry_date WHEN 'pending' THEN code.redeem_before END, 10)::date,
        'infinity')
    UNION ALL SELECT 'redeemed', left(code.activation_time, 10)::date WHERE code.activation_time IS NOT NULL
    UNION ALL SELECT 'stock ' || code.batch_id, 'infinity'::date
        WHERE code.activation_status = 'pending' AND code.batch_id IS NOT NULL
$$
"""
# By the statement, not by the row: a batch of 10,000 codes is revoked by one.
CHANGED = """
CREATE FUNCTION overview_codes_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM overview_count_deltas;
    ELSIF TG_OP = 'INSERT' THEN
        PERFORM overview_count_add(kind, day, number) FROM (
            SELECT kinds.kind, kinds.day, count(*) AS number
            FROM new_codes, overview_kinds(new_codes) AS kinds GROUP BY 1, 2
        ) AS counted;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM overview_count_add(kind, day, -number) FROM (
            SELECT kinds.kind, kinds.day, count(*) AS number
            FROM old_codes, overview_kinds(old_codes) AS kinds GROUP BY 1, 2
        ) AS counted;
    ELSE
        PERFORM overview_count_add(kind, day, number) FROM (
            SELECT kind, day, sum(one)::bigint AS number FROM (
                SELECT kinds.kind, kinds.day, 1 AS one FROM new_codes, overview_kinds(new_codes) AS kinds
                UNION ALL
                SELECT kinds.kind, kinds.day, -1 FROM old_codes, overview_kinds(old_codes) AS kinds
            ) AS both_codes GROUP BY 1, 2 HAVING sum(one) <> 0
        ) AS counted;
    END IF;
    RETURN NULL;
END;
$$
"""
TRANSITIONS = {
    "INSERT": "REFERENCING NEW TABLE AS new_codes",
    "UPDATE": "REFERENCING OLD TABLE AS old_codes NEW TABLE AS new_codes",
    "DELETE": "REFERENCING OLD TABLE AS old_codes",
    "TRUNCATE": "",
}
FUNCTIONS = (
    "overview_codes_changed()",
    "overview_kinds(activation_codes)",
)


def upgrade() -> None:
    overview_counts.create()
    for function in (KINDS, CHANGED):
        op.execute(function)
    for event, transition in TRANSITIONS.items():
        op.execute(
            f"CREATE TRIGGER overview_{event.lower()} AFTER {event} ON activation_codes {transition} "
            "FOR EACH STATEMENT EXECUTE FUNCTION overview_codes_changed()"
        )
    # Creating the triggers locks out writers until the commit, so the sums are exact from here on.
    op.execute(
        "INSERT INTO overview_count_deltas (kind, day, delta) "
        "SELECT kinds.kind, kinds.day, count(*) "
        "FROM activation_codes, overview_kinds(activation_codes) AS kinds GROUP BY 1, 2"
    )


def downgrade() -> None:
    for event in TRANSITIONS:
        op.execute(f"DROP TRIGGER overview_{event.lower()} ON activation_codes")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    overview_counts.drop()
