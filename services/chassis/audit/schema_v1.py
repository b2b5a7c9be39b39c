"""The first version of the audit log's tables, for the services' migrations. Do not change it; see schema_v2."""

from alembic import op

CREATE = (
    """
CREATE TABLE audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY,
    time timestamp with time zone NOT NULL,
    action text NOT NULL,
    outcome text NOT NULL,
    actor text NOT NULL,
    actor_email text NOT NULL,
    target text NOT NULL,
    client_address text NOT NULL,
    request_id text NOT NULL,
    details jsonb NOT NULL,
    position bigint,
    digest bytea,
    CONSTRAINT audit_log_pkey PRIMARY KEY (id),
    CONSTRAINT audit_log_position_key UNIQUE (position)
)
""",
    "CREATE INDEX audit_log_unsealed_idx ON audit_log (id) WHERE position IS NULL",
    "CREATE INDEX audit_log_actor_idx ON audit_log (actor, id)",
    "CREATE INDEX audit_log_action_idx ON audit_log (action, id)",
    "CREATE INDEX audit_log_target_idx ON audit_log (target, id)",
    """
CREATE TABLE audit_head (
    only_row boolean DEFAULT true NOT NULL,
    position bigint DEFAULT 0 NOT NULL,
    digest bytea DEFAULT ''::bytea NOT NULL,
    CONSTRAINT audit_head_pkey PRIMARY KEY (only_row),
    CONSTRAINT audit_head_only_row CHECK (only_row)
)
""",
    "INSERT INTO audit_head DEFAULT VALUES",
    # Sealing is the only change of an entry that is allowed.
    """
CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.position IS NULL AND NEW.position IS NOT NULL
        AND to_jsonb(OLD) - 'position' - 'digest' = to_jsonb(NEW) - 'position' - 'digest' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only';
END
$$
""",
    "CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log"
    " FOR EACH ROW EXECUTE FUNCTION audit_log_is_append_only()",
    "CREATE TRIGGER audit_log_never_truncated BEFORE TRUNCATE ON audit_log"
    " FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only()",
)
DROP = (
    "DROP TABLE audit_head",
    "DROP TABLE audit_log",
    "DROP FUNCTION audit_log_is_append_only()",
)


def create() -> None:
    """Creates tables, function and triggers, within a migration's upgrade()."""
    for statement in CREATE:
        op.execute(statement)


def drop() -> None:
    """Drops what create() created, including the log, within a migration's downgrade()."""
    for statement in DROP:
        op.execute(statement)
