"""The function that begins an attempt, as the services' migrations made it first. A change of it is a begin_v2.

A function, because a look that the locks are taken for must see what was committed before they were had: each
statement in one does, and all of them together are one round trip.
"""

import string

from alembic import op

_CREATE = string.Template("""
CREATE FUNCTION ${table}_begin(
    attempt uuid, buckets bytea[], limits integer[], locks bigint[],
    now timestamptz, window_start timestamptz, still_open timestamptz
) RETURNS TABLE (full_bucket bytea, counting bigint, oldest timestamptz) LANGUAGE plpgsql AS $$$$
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
        JOIN ${table} AS known ON known.bucket = wanted.bucket AND known.started_at > window_start
        GROUP BY wanted.bucket, wanted.most
        HAVING count(*) >= wanted.most;
    IF NOT FOUND THEN
        INSERT INTO ${table} (attempt_id, bucket, started_at, is_open)
        SELECT attempt, wanted.bucket, now, true FROM unnest(buckets) AS wanted (bucket);
    END IF;
END
$$$$
""")


def creating(table: str) -> str:
    """The statement that makes the function for a table of attempts."""
    return _CREATE.substitute(table=table)


def create(table: str) -> None:
    """Makes the function for a table of attempts, within a migration's upgrade()."""
    op.execute(creating(table))


def drop(table: str) -> None:
    """Removes what create() made, within a migration's downgrade()."""
    op.execute(f"DROP FUNCTION {table}_begin")
