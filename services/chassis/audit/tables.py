"""The tables of the audit log, declared once for every service."""

from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB


@dataclass(frozen=True)
class AuditTables:
    """`log` holds the entries; `head` is one row: the last sealed position and its digest."""

    log: Table
    head: Table


def audit_tables(metadata: MetaData) -> AuditTables:
    """Declares `audit_log` and `audit_head` in a service's metadata."""
    log = Table(
        "audit_log",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("time", DateTime(timezone=True), nullable=False),
        Column("action", Text, nullable=False),
        Column("outcome", Text, nullable=False),
        Column("actor", Text, nullable=False),
        Column("actor_email", Text, nullable=False),
        Column("target", Text, nullable=False),
        Column("client_address", Text, nullable=False),
        Column("request_id", Text, nullable=False),
        Column("details", JSONB, nullable=False),
        Column("position", BigInteger, unique=True),
        Column("digest", LargeBinary),
    )
    Index("ix_audit_log_unsealed", log.c.id, postgresql_where=text("position IS NULL"))
    Index("ix_audit_log_actor", log.c.actor, log.c.id)
    Index("ix_audit_log_target", log.c.target, log.c.id)
    Index("ix_audit_log_action", log.c.action, log.c.id)
    head = Table(
        "audit_head",
        metadata,
        Column("only_row", Boolean, primary_key=True, server_default="true"),
        Column("position", BigInteger, nullable=False, server_default="0"),
        Column("digest", LargeBinary, nullable=False, server_default=text("''::bytea")),
        CheckConstraint("only_row", name="audit_head_only_row"),
    )
    return AuditTables(log, head)


# What a service's migration runs after it has made the tables. Sealing is the one change an entry lives to see.
APPEND_ONLY = """
INSERT INTO audit_head DEFAULT VALUES;
CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.position IS NULL AND NEW.position IS NOT NULL
        AND to_jsonb(OLD) - 'position' - 'digest' = to_jsonb(NEW) - 'position' - 'digest' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION audit_log_is_append_only();
CREATE TRIGGER audit_log_never_truncated BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only();
"""
NOT_APPEND_ONLY = "DROP FUNCTION audit_log_is_append_only() CASCADE"
