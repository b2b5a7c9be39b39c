"""Creates a function that started sign-in attempts; it is no longer called."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BEGIN_FUNCTION = """
CREATE FUNCTION sign_in_attempts_begin(
    attempt uuid, buckets bytea[], limits integer[], locks bigint[],
    now timestamptz, window_start timestamptz, still_open timestamptz
) RETURNS TABLE (full_bucket bytea, counting bigint, oldest timestamptz) LANGUAGE plpgsql AS $$
DECLARE
    taken bigint;
BEGIN
    FOREACH taken IN ARRAY locks LOOP
        PERFORM pg_advisory_xact_lock(taken);
    END LOOP;
    RETURN QUERY
        SELECT
            wanted.bucket,
            count(*) FILTER (WHERE NOT known.is_open OR known.started_at <= still_open),
            min(known.started_at)
        FROM unnest(buckets, limits) AS wanted (bucket, most)
        JOIN sign_in_attempts AS known ON known.bucket = wanted.bucket AND known.started_at > window_start
        GROUP BY wanted.bucket, wanted.most
        HAVING count(*) >= wanted.most;
    IF NOT FOUND THEN
        INSERT INTO sign_in_attempts (attempt_id, bucket, started_at, is_open)
        SELECT attempt, wanted.bucket, now, true FROM unnest(buckets) AS wanted (bucket);
    END IF;
END
$$
"""


def upgrade() -> None:
    op.execute(BEGIN_FUNCTION)


def downgrade() -> None:
    op.execute("DROP FUNCTION sign_in_attempts_begin")
