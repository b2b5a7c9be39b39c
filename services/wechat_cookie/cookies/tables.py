"""The tables of cookies, hand-outs, pending logouts and deleted owners."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)

from services.chassis.identity.feed_follower import feed_cursor_table
from services.wechat_cookie.metadata import metadata

cookies = Table(
    "cookies",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("token", Text, nullable=False, unique=True),
    Column("owner_id", Uuid, nullable=False),
    Column("owner_email", Text, nullable=False),
    Column("created_time", DateTime(timezone=True), nullable=False),
    Column("expire_time", DateTime(timezone=True), nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("avatar_url", Text, nullable=False, server_default=""),
    # Both or neither. Stored here, because the exported folder may be on another replica, or lost.
    Column("avatar", LargeBinary),
    Column("avatar_type", Text),
    Column("local", Text, Computed("'static/cookies/'::text || token", persisted=True), nullable=False),
    Column("is_current", Boolean, nullable=False),
    # The official account's id at WeChat (gh_…); NULL if WeChat did not return it.
    Column("original_id", Text),
    # MpCookies as JSON, encrypted by the vault.
    Column("jar", LargeBinary, nullable=False),
    # Grows with every change of the exported folder's contents, and is the folder's modification time in
    # microseconds, so that the folder's state is known without reading it.
    Column("revision", BigInteger, nullable=False),
    Column("health", Text, nullable=False, server_default="ok"),
    # The end of the cooling time, its start, and the number of consecutive limits.
    Column("cooling_until", DateTime(timezone=True)),
    Column("limited_time", DateTime(timezone=True)),
    Column("limited_count", SmallInteger, nullable=False, server_default="0"),
    # A HealthReason and since when the health is what it is; NULL for a cookie that was always ok.
    Column("health_reason", Text),
    Column("health_time", DateTime(timezone=True)),
    # When WeChat, or a program that used the cookie, last said how the session is, exact to some minutes.
    Column("checked_time", DateTime(timezone=True), nullable=False, server_default=func.now()),
    # No probe before this time, because one is under way or has failed.
    Column("probe_after", DateTime(timezone=True)),
    # The times of the last REQUESTS_PER_HOUR data calls, oldest first, and the earliest time of the next one.
    Column("request_times", ARRAY(DateTime(timezone=True)), nullable=False, server_default=text("'{}'")),
    Column("next_request_time", DateTime(timezone=True)),
    UniqueConstraint("owner_id", "original_id"),
    CheckConstraint("token ~ '^[0-9]{1,20}$'", name="cookies_token_is_a_number"),
    CheckConstraint("expire_time > created_time", name="cookies_expire_after_creation"),
    CheckConstraint("(avatar IS NULL) = (avatar_type IS NULL)", name="cookies_avatar_has_type"),
    CheckConstraint("health IN ('ok', 'dead', 'cooling_down')", name="cookies_health_is_known"),
    CheckConstraint(
        "(health = 'cooling_down') = (cooling_until IS NOT NULL)", name="cookies_cooling_has_an_end"
    ),
)
Index("cookies_one_current_key", cookies.c.owner_id, unique=True, postgresql_where=text("is_current"))
Index("cookies_newest_of_owner_idx", cookies.c.owner_id, cookies.c.created_time.desc(), cookies.c.id)
Index("cookies_owner_email_idx", func.lower(cookies.c.owner_email))
Index("cookies_expire_time_idx", cookies.c.expire_time)
Index("cookies_checked_time_idx", cookies.c.checked_time, postgresql_where=cookies.c.health != "dead")
Index(
    "cookies_cooling_until_idx", cookies.c.cooling_until, postgresql_where=cookies.c.health == "cooling_down"
)

# The numbers of cookies by health and hour of expiry (UTC), as sums of deltas. Triggers insert them, and fold those
# that are not locked by another transaction, so that no writer waits for another.
cookie_count_deltas = Table(
    "cookie_count_deltas",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("health", Text, nullable=False),
    Column("hour", DateTime(timezone=True), nullable=False),
    Column("delta", BigInteger, nullable=False),
    Index("cookie_count_deltas_health_hour_idx", "health", "hour"),
)

# Each hand-out, kept after the cookie is deleted: the program, the cookie, the owner, the time and the outcome.
acquisitions = Table(
    "acquisitions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("cookie_id", Uuid, nullable=False),
    Column("token", Text, nullable=False),
    Column("owner_id", Uuid, nullable=False),
    Column("owner_email", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("client_address", Text, nullable=False),
    Column("acquired_time", DateTime(timezone=True), nullable=False),
    Column("outcome", Text),
    Column("reported_time", DateTime(timezone=True)),
    CheckConstraint(
        "outcome IN ('ok', 'dead', 'rate_limited', 'error')", name="acquisitions_outcome_is_known"
    ),
    CheckConstraint("(outcome IS NULL) = (reported_time IS NULL)", name="acquisitions_outcome_has_time"),
)
Index("acquisitions_acquired_time_idx", acquisitions.c.acquired_time)

# The sessions of deleted cookies that are not logged out at WeChat yet.
pending_logouts = Table(
    "pending_logouts",
    metadata,
    # The deleted cookie's.
    Column("id", Uuid, primary_key=True),
    Column("token", Text, nullable=False),
    # The deleted cookie's, still encrypted.
    Column("jar", LargeBinary, nullable=False),
    # By the database's clock, like due_time.
    Column("created_time", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("due_time", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("attempts", Integer, nullable=False, server_default="0"),
)
Index("pending_logouts_due_time_idx", pending_logouts.c.due_time)

# Owners whose deletion has cascaded. A login that was running then must not save a cookie.
deleted_owners = Table(
    "deleted_owners",
    metadata,
    Column("owner_id", Uuid, primary_key=True),
    Column("deleted_time", DateTime(timezone=True), nullable=False),
)
Index("deleted_owners_deleted_time_idx", deleted_owners.c.deleted_time)

feed_cursor = feed_cursor_table(metadata)
