"""The table of the outbox, within a migration."""

from alembic import op

CREATE = """
CREATE TABLE notification_outbox (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_id text NOT NULL,
    is_withdrawal boolean NOT NULL,
    kind text,
    owner_id uuid,
    subject_id text,
    given jsonb,
    valid_until timestamptz,
    CONSTRAINT notification_outbox_pkey PRIMARY KEY (id)
)
"""


def create() -> None:
    """Creates the table, within a migration's upgrade()."""
    op.execute(CREATE)


def drop() -> None:
    """Drops the table, within a migration's downgrade()."""
    op.drop_table("notification_outbox")
