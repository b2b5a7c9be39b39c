"""All tables but the audit log: events, notifications, channels, deliveries, the accounts' days."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    """
CREATE TABLE events (
    publisher text NOT NULL,
    event_id text NOT NULL,
    publish_time timestamptz,
    withdraw_time timestamptz,
    create_time timestamptz NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (publisher, event_id),
    CONSTRAINT events_published_or_withdrawn CHECK (num_nonnulls(publish_time, withdraw_time) > 0)
)
""",
    "CREATE INDEX events_create_time_idx ON events (create_time)",
    """
CREATE TABLE notifications (
    id uuid NOT NULL,
    publisher text NOT NULL,
    event_id text NOT NULL,
    owner_id uuid NOT NULL,
    kind text NOT NULL,
    subject_id text NOT NULL,
    title_zh text NOT NULL,
    title_en text NOT NULL,
    text_zh text NOT NULL,
    text_en text NOT NULL,
    link text,
    create_time timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    withdraw_time timestamptz,
    read_time timestamptz,
    CONSTRAINT notifications_pkey PRIMARY KEY (id),
    CONSTRAINT notifications_publisher_event_id_owner_id_key UNIQUE (publisher, event_id, owner_id),
    CONSTRAINT notifications_publisher_event_id_fkey FOREIGN KEY (publisher, event_id)
        REFERENCES events (publisher, event_id) ON DELETE CASCADE
)
""",
    "CREATE INDEX notifications_newest_idx ON notifications (owner_id, create_time DESC, id DESC)",
    """
CREATE INDEX notifications_unread_idx ON notifications (owner_id) WHERE read_time IS NULL AND withdraw_time IS NULL
""",
    """
CREATE TABLE channels (
    id uuid NOT NULL,
    owner_id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    secrets bytea NOT NULL,
    address_hint text NOT NULL,
    events text[] NOT NULL,
    language text NOT NULL,
    enabled boolean NOT NULL,
    disabled_reason text,
    previous_secret_until timestamptz,
    last_delivery_time timestamptz,
    last_error text,
    failures integer DEFAULT 0 NOT NULL,
    failing_since timestamptz,
    due_time timestamptz,
    lease_id uuid,
    lease_until timestamptz,
    create_time timestamptz NOT NULL,
    CONSTRAINT channels_pkey PRIMARY KEY (id),
    CONSTRAINT channels_language_known CHECK (language IN ('zh', 'en')),
    CONSTRAINT channels_failures_have_begun CHECK ((failures = 0) = (failing_since IS NULL)),
    CONSTRAINT channels_enabled_has_no_reason CHECK (NOT enabled OR disabled_reason IS NULL)
)
""",
    "CREATE INDEX channels_owner_id_idx ON channels (owner_id, create_time, id)",
    "CREATE INDEX channels_due_time_idx ON channels (due_time) WHERE due_time IS NOT NULL",
    """
CREATE TABLE deliveries (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    notification_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    state text DEFAULT 'pending' NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_time timestamptz,
    error text,
    create_time timestamptz NOT NULL,
    end_time timestamptz,
    CONSTRAINT deliveries_pkey PRIMARY KEY (id),
    CONSTRAINT deliveries_notification_id_channel_id_key UNIQUE (notification_id, channel_id),
    CONSTRAINT deliveries_notification_id_fkey FOREIGN KEY (notification_id)
        REFERENCES notifications (id) ON DELETE CASCADE,
    CONSTRAINT deliveries_channel_id_fkey FOREIGN KEY (channel_id) REFERENCES channels (id) ON DELETE CASCADE,
    CONSTRAINT deliveries_state_is_known CHECK (state IN ('pending', 'delivered', 'failed', 'dropped')),
    CONSTRAINT deliveries_pending_has_attempt CHECK (
        (state = 'pending') = (next_attempt_time IS NOT NULL) AND (state = 'pending') = (end_time IS NULL)
    )
)
""",
    "CREATE INDEX deliveries_newest_idx ON deliveries (owner_id, create_time DESC, id DESC)",
    "CREATE INDEX deliveries_pending_idx ON deliveries (channel_id, next_attempt_time) WHERE state = 'pending'",
    """
CREATE TABLE account_days (
    account_id uuid NOT NULL,
    changed_sequence bigint NOT NULL,
    known_sequence bigint DEFAULT -1 NOT NULL,
    is_admin boolean DEFAULT false NOT NULL,
    expired_time timestamptz,
    notice_time timestamptz,
    deleted_time timestamptz,
    CONSTRAINT account_days_pkey PRIMARY KEY (account_id)
)
""",
    "CREATE INDEX account_days_changed_idx ON account_days (account_id) WHERE changed_sequence > known_sequence",
    "CREATE INDEX account_days_notice_time_idx ON account_days (notice_time) WHERE notice_time IS NOT NULL",
    "CREATE INDEX account_days_admins_idx ON account_days (account_id) WHERE is_admin",
    "CREATE INDEX account_days_deleted_time_idx ON account_days (deleted_time) WHERE deleted_time IS NOT NULL",
    """
CREATE TABLE channel_attempts (
    attempt_id uuid NOT NULL,
    bucket bytea NOT NULL,
    started_at timestamptz NOT NULL,
    is_open boolean NOT NULL,
    CONSTRAINT channel_attempts_pkey PRIMARY KEY (attempt_id, bucket)
)
""",
    "CREATE INDEX channel_attempts_bucket_started_at_idx ON channel_attempts (bucket, started_at)",
    "CREATE INDEX channel_attempts_started_at_idx ON channel_attempts (started_at)",
    """
CREATE TABLE feed_cursor (
    only_row boolean DEFAULT true NOT NULL,
    sequence bigint DEFAULT 0 NOT NULL,
    CONSTRAINT feed_cursor_pkey PRIMARY KEY (only_row),
    CONSTRAINT feed_cursor_only_row CHECK (only_row)
)
""",
    "INSERT INTO feed_cursor DEFAULT VALUES",
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    for table in (
        "feed_cursor",
        "channel_attempts",
        "account_days",
        "deliveries",
        "channels",
        "notifications",
        "events",
    ):
        op.drop_table(table)
