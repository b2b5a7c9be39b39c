"""The second version of the audit log's tables: MACs, and the anchor of the pruned entries."""

from alembic import op

ADD = (
    "ALTER TABLE audit_log ADD COLUMN mac bytea",
    """
ALTER TABLE audit_head
    ADD COLUMN pruned_position bigint DEFAULT 0 NOT NULL,
    ADD COLUMN pruned_digest bytea DEFAULT ''::bytea NOT NULL,
    ADD COLUMN pruned_mac bytea DEFAULT ''::bytea NOT NULL
""",
    # Built in the transaction: the index is empty, so writers wait only for one scan of the table.
    """
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX audit_log_mac_key ON audit_log (mac) WHERE mac IS NOT NULL
""",
    # Sealing is the only change of an entry that is allowed, and entries may be deleted only up to the anchor.
    """
CREATE OR REPLACE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.position IS NULL AND NEW.position IS NOT NULL
        AND to_jsonb(OLD) - 'position' - 'digest' = to_jsonb(NEW) - 'position' - 'digest' THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' AND OLD.position <= (SELECT pruned_position FROM audit_head) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only';
END
$$
""",
)
REMOVE = (
    """
CREATE OR REPLACE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.position IS NULL AND NEW.position IS NOT NULL
        AND to_jsonb(OLD) - 'position' - 'digest' = to_jsonb(NEW) - 'position' - 'digest' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only';
END
$$
""",
    "ALTER TABLE audit_head DROP COLUMN pruned_position, DROP COLUMN pruned_digest, DROP COLUMN pruned_mac",
    "ALTER TABLE audit_log DROP COLUMN mac",
)


def add() -> None:
    """Adds columns, function and index, within a migration's upgrade()."""
    for statement in ADD:
        op.execute(statement)


def remove() -> None:
    """Removes what add() added, within a migration's downgrade()."""
    for statement in REMOVE:
        op.execute(statement)
