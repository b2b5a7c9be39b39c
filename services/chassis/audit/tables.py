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
from sqlalchemy.schema import conv


@dataclass(frozen=True)
class AuditTables:
    """The tables of one audit log.

    `log` has the entries. `head` is one row: the last sealed position and its digest, and the anchor, which is the
    last pruned position with its digest and a MAC over both; before anything was pruned it is 0 and empty.
    """

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
        # NULL in entries of the previous release.
        Column("mac", LargeBinary),
    )
    Index("audit_log_mac_key", log.c.mac, unique=True, postgresql_where=text("mac IS NOT NULL"))
    Index("audit_log_unsealed_idx", log.c.id, postgresql_where=text("position IS NULL"))
    Index("audit_log_actor_idx", log.c.actor, log.c.id)
    Index("audit_log_target_idx", log.c.target, log.c.id)
    Index("audit_log_action_idx", log.c.action, log.c.id)
    head = Table(
        "audit_head",
        metadata,
        Column("only_row", Boolean, primary_key=True, server_default="true"),
        Column("position", BigInteger, nullable=False, server_default="0"),
        Column("digest", LargeBinary, nullable=False, server_default=text("''::bytea")),
        Column("pruned_position", BigInteger, nullable=False, server_default="0"),
        Column("pruned_digest", LargeBinary, nullable=False, server_default=text("''::bytea")),
        Column("pruned_mac", LargeBinary, nullable=False, server_default=text("''::bytea")),
        # A fixed name, whatever the naming convention of the service's metadata.
        CheckConstraint("only_row", name=conv("audit_head_only_row")),
    )
    return AuditTables(log, head)
