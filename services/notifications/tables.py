"""The tables of Notifications' database."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY

from services.chassis.audit.tables import audit_tables
from services.chassis.identity.feed_follower import feed_cursor_table
from services.chassis.throttling.tables import attempts_table
from services.notifications.metadata import metadata

# What publishers have published or withdrawn. The key makes a repeat of either harmless.
events = Table(
    "events",
    metadata,
    # The certificate name of the publishing service.
    Column("publisher", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    # Null if it was withdrawn before it was published.
    Column("publish_time", DateTime(timezone=True)),
    Column("withdraw_time", DateTime(timezone=True)),
    Column("create_time", DateTime(timezone=True), nullable=False),
    CheckConstraint("num_nonnulls(publish_time, withdraw_time) > 0", name="events_published_or_withdrawn"),
)
Index("events_create_time_idx", events.c.create_time)

# An event as one account is notified of it.
notifications = Table(
    "notifications",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("publisher", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("owner_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("title_zh", Text, nullable=False),
    Column("title_en", Text, nullable=False),
    Column("text_zh", Text, nullable=False),
    Column("text_en", Text, nullable=False),
    Column("link", Text),
    Column("create_time", DateTime(timezone=True), nullable=False),
    # From then on it is not sent.
    Column("valid_until", DateTime(timezone=True), nullable=False),
    Column("withdraw_time", DateTime(timezone=True)),
    Column("read_time", DateTime(timezone=True)),
    UniqueConstraint("publisher", "event_id", "owner_id"),
    ForeignKeyConstraint(
        ["publisher", "event_id"], ["events.publisher", "events.event_id"], ondelete="CASCADE"
    ),
)
_notification = notifications.c
Index(
    "notifications_newest_idx",
    _notification.owner_id,
    _notification.create_time.desc(),
    _notification.id.desc(),
)
Index(
    "notifications_unread_idx",
    _notification.owner_id,
    postgresql_where=_notification.read_time.is_(None) & _notification.withdraw_time.is_(None),
)

channels = Table(
    "channels",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    # The address and a webhook's secrets as JSON, encrypted by the vault.
    Column("secrets", LargeBinary, nullable=False),
    Column("address_hint", Text, nullable=False),
    # The kinds of notifications that are sent; all if empty.
    Column("events", ARRAY(Text), nullable=False),
    Column("language", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    # Why the server has disabled it; null if it is enabled or its owner has disabled it.
    Column("disabled_reason", Text),
    Column("previous_secret_until", DateTime(timezone=True)),
    Column("last_delivery_time", DateTime(timezone=True)),
    # Of the last attempt; null if it succeeded. `failures` is the number of consecutive failed attempts.
    Column("last_error", Text),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("failing_since", DateTime(timezone=True)),
    # When its next delivery may be attempted; null if none is pending.
    Column("due_time", DateTime(timezone=True)),
    # Which worker delivers through it at present, and until when it is taken for alive.
    Column("lease_id", Uuid),
    Column("lease_until", DateTime(timezone=True)),
    Column("create_time", DateTime(timezone=True), nullable=False),
    CheckConstraint("language IN ('zh', 'en')", name="channels_language_known"),
    CheckConstraint("(failures = 0) = (failing_since IS NULL)", name="channels_failures_have_begun"),
    CheckConstraint("NOT enabled OR disabled_reason IS NULL", name="channels_enabled_has_no_reason"),
)
_channel = channels.c
Index("channels_owner_id_idx", _channel.owner_id, _channel.create_time, _channel.id)
Index("channels_due_time_idx", _channel.due_time, postgresql_where=_channel.due_time.is_not(None))

# A notification that is sent through a channel.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.gen_random_uuid()),
    Column("notification_id", Uuid, ForeignKey(notifications.c.id, ondelete="CASCADE"), nullable=False),
    Column("channel_id", Uuid, ForeignKey(channels.c.id, ondelete="CASCADE"), nullable=False),
    Column("owner_id", Uuid, nullable=False),
    Column("state", Text, nullable=False, server_default="pending"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_time", DateTime(timezone=True)),
    Column("error", Text),
    Column("create_time", DateTime(timezone=True), nullable=False),
    Column("end_time", DateTime(timezone=True)),
    UniqueConstraint("notification_id", "channel_id"),
    CheckConstraint(
        "state IN ('pending', 'delivered', 'failed', 'dropped')", name="deliveries_state_is_known"
    ),
    CheckConstraint(
        "(state = 'pending') = (next_attempt_time IS NOT NULL) AND (state = 'pending') = (end_time IS NULL)",
        name="deliveries_pending_has_attempt",
    ),
)
_delivery = deliveries.c
Index("deliveries_newest_idx", _delivery.owner_id, _delivery.create_time.desc(), _delivery.id.desc())
Index(
    "deliveries_pending_idx",
    _delivery.channel_id,
    _delivery.next_attempt_time,
    postgresql_where=_delivery.state == "pending",
)

# The accounts and the ends of their access, as the account feed reports them.
account_days = Table(
    "account_days",
    metadata,
    Column("account_id", Uuid, primary_key=True),
    # The feed's sequence up to which the account has changed, and the one that the other columns are current as of.
    # Where the first is greater, Identity is asked.
    Column("changed_sequence", BigInteger, nullable=False),
    Column("known_sequence", BigInteger, nullable=False, server_default="-1"),
    Column("is_admin", Boolean, nullable=False, server_default="false"),
    # Null if the access does not end: for admins, and accounts that are not active.
    Column("expired_time", DateTime(timezone=True)),
    # When the account is to be notified next about its days; null if it is not.
    Column("notice_time", DateTime(timezone=True)),
    # Its data was deleted then. The row is kept for a while, so that later notifications are dropped.
    Column("deleted_time", DateTime(timezone=True)),
)
_account = account_days.c
Index(
    "account_days_changed_idx",
    _account.account_id,
    postgresql_where=_account.changed_sequence > _account.known_sequence,
)
Index(
    "account_days_notice_time_idx", _account.notice_time, postgresql_where=_account.notice_time.is_not(None)
)
Index("account_days_admins_idx", _account.account_id, postgresql_where=_account.is_admin)
Index(
    "account_days_deleted_time_idx",
    _account.deleted_time,
    postgresql_where=_account.deleted_time.is_not(None),
)

# Changes and tests of channels, by account.
attempts = attempts_table(metadata, "channel_attempts")
feed_cursor = feed_cursor_table(metadata)
audit = audit_tables(metadata)
