"""Logins and their events."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_POLLS = "step IN ('ask', 'ask_approval')"
_ACTS = "step IN ('start', 'replace_qr', 'finish', 'describe')"


def upgrade() -> None:
    _create_logins()
    _create_login_events()


def downgrade() -> None:
    op.drop_table("login_events")
    op.drop_table("logins")


def _create_logins() -> None:
    op.create_table(
        "logins",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("owner_id", sa.Uuid, nullable=False),
        sa.Column("owner_email", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("step", sa.Text),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_poll_at", sa.DateTime(timezone=True)),
        sa.Column("claim_seconds", sa.Float, nullable=False),
        sa.Column("deadline_at", sa.DateTime(timezone=True)),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("in_flight", sa.Boolean, nullable=False),
        sa.Column("doubtful", sa.Boolean, nullable=False),
        sa.Column("operator", sa.Boolean, nullable=False),
        sa.Column("refresh_count", sa.SmallInteger, nullable=False),
        sa.Column("qr_expire_at", sa.DateTime(timezone=True)),
        sa.Column("failing_since", sa.DateTime(timezone=True)),
        sa.Column("failure_told", sa.Boolean, nullable=False),
        sa.Column("last_sequence", sa.Integer, nullable=False),
        sa.Column("cookies", sa.LargeBinary),
        sa.Column("token", sa.Text),
        sa.Column("cookie_id", sa.Uuid),
        sa.Column("home_path", sa.Text),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("qr_image", sa.LargeBinary),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="logins_pkey"),
        sa.CheckConstraint("id ~ '^[0-9a-f]{32}$'", name="logins_id_is_a_key"),
        sa.CheckConstraint(
            "stage IN ('preparing', 'waiting_for_scan', 'scanned', 'choosing_account', 'no_account',"
            " 'waiting_for_approval', 'confirmed', 'saving', 'succeeded', 'failed')",
            name="logins_stage_is_known",
        ),
        sa.CheckConstraint(
            "step IN ('start', 'replace_qr', 'ask', 'ask_approval', 'finish', 'describe')",
            name="logins_step_is_known",
        ),
        sa.CheckConstraint("refresh_count BETWEEN 0 AND 5", name="logins_refreshes_are_counted"),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (step IS NOT NULL) AND (ended_at IS NULL) = (next_poll_at IS NOT NULL)"
            " AND (ended_at IS NULL) = (stage NOT IN ('succeeded', 'failed'))",
            name="logins_ended_is_not_polled",
        ),
        sa.CheckConstraint("(stage = 'failed') = (reason IS NOT NULL)", name="logins_failure_has_reason"),
        sa.CheckConstraint(
            "ended_at IS NULL OR (cookies IS NULL AND token IS NULL AND home_path IS NULL AND qr_image IS NULL)",
            name="logins_ended_holds_no_secret",
        ),
    )
    # Each poll updates the row: wide columns are stored out of line, so that an update does not copy them, pages
    # keep room for the next version, and dead rows are vacuumed early.
    op.execute(
        "ALTER TABLE logins SET (fillfactor = 50, toast_tuple_target = 128,"
        " autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000,"
        " autovacuum_vacuum_cost_delay = 0)"
    )
    op.create_index("logins_due_polls_idx", "logins", ["next_poll_at"], postgresql_where=sa.text(_POLLS))
    op.create_index("logins_due_acts_idx", "logins", ["next_poll_at"], postgresql_where=sa.text(_ACTS))
    op.create_index(
        "logins_deadline_at_idx",
        "logins",
        ["deadline_at"],
        postgresql_where=sa.text("deadline_at IS NOT NULL"),
    )
    op.create_index(
        "logins_running_of_owner_idx", "logins", ["owner_id"], postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_index(
        "logins_ended_at_idx", "logins", ["ended_at"], postgresql_where=sa.text("ended_at IS NOT NULL")
    )


def _create_login_events() -> None:
    op.create_table(
        "login_events",
        sa.Column("login_id", sa.Text, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("message", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("login_id", "sequence", name="login_events_pkey"),
        sa.ForeignKeyConstraint(
            ["login_id"], ["logins.id"], name="login_events_login_id_fkey", ondelete="CASCADE"
        ),
        sa.CheckConstraint(
            "kind IN ('qr_code', 'progress', 'success', 'failure')", name="login_events_kind_is_known"
        ),
    )
    op.create_index(
        "login_events_one_end_key",
        "login_events",
        ["login_id"],
        unique=True,
        postgresql_where=sa.text("kind IN ('success', 'failure')"),
    )
