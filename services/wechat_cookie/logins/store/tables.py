"""The tables of logins and their events."""

from collections.abc import Iterable

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)

from services.chassis.throttling.tables import attempts_table
from services.wechat_cookie.logins.rules.stages import Stage
from services.wechat_cookie.logins.rules.state import POLLS, Step
from services.wechat_cookie.metadata import metadata


def _one_of(column: str, values: Iterable[Stage | Step]) -> str:
    return f"{column} IN ({', '.join(repr(value.value) for value in values)})"


# Constants instead of parameters, so that the planner can prove that a query matches a partial index.
IS_POLL = text(_one_of("step", (step for step in Step if step in POLLS)))
IS_ACT = text(_one_of("step", (step for step in Step if step not in POLLS)))

# A claim updates the row, thousands of times for a long login. So wide columns are stored out of line
# (toast_tuple_target), where an update does not copy them, and dead rows are vacuumed early.
logins = Table(
    "logins",
    metadata,
    # The login_key, which WatchLogin requires besides the account's token. 32 random hexadecimal digits.
    Column("id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("owner_id", Uuid, nullable=False),
    Column("owner_email", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("step", Text),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("next_poll_at", DateTime(timezone=True)),
    Column("claim_seconds", Float, nullable=False),
    Column("deadline_at", DateTime(timezone=True)),
    Column("attempt", Integer, nullable=False),
    Column("in_flight", Boolean, nullable=False),
    Column("doubtful", Boolean, nullable=False),
    Column("operator", Boolean, nullable=False),
    Column("refresh_count", SmallInteger, nullable=False),
    Column("qr_expire_at", DateTime(timezone=True)),
    Column("failing_since", DateTime(timezone=True)),
    Column("failure_told", Boolean, nullable=False),
    Column("last_sequence", Integer, nullable=False),
    # MpCookies as JSON, encrypted by the vault; NULL once the login has ended.
    Column("cookies", LargeBinary),
    Column("token", Text),
    Column("cookie_id", Uuid),
    Column("home_path", Text),
    Column("message", Text, nullable=False),
    Column("reason", Text),
    Column("ended_at", DateTime(timezone=True)),
    Column("qr_image", LargeBinary),
    # Last use by a watcher or a poll of the owner, exact to about half a minute.
    Column("last_seen_at", DateTime(timezone=True), nullable=False),
    # The account's value when the login was started; it grows whenever the account's tokens are revoked.
    Column("tokens_valid_after", BigInteger),
    # End of the account's access.
    Column("access_until", DateTime(timezone=True)),
    # Of the call that started it: at most 64 characters.
    Column("request_id", Text),
    # Its W3C traceparent, if it was traced: 55 characters.
    Column("traceparent", Text),
    # What failed last in the connection to WeChat; see MpError.failed_part.
    Column("failed_part", Text),
    # End of the shorter interval of polls after a scan.
    Column("quick_until", DateTime(timezone=True)),
    CheckConstraint("id ~ '^[0-9a-f]{32}$'", name="logins_id_is_a_key"),
    CheckConstraint(_one_of("stage", Stage), name="logins_stage_is_known"),
    CheckConstraint(_one_of("step", Step), name="logins_step_is_known"),
    CheckConstraint("refresh_count BETWEEN 0 AND 5", name="logins_refreshes_are_counted"),
    CheckConstraint(
        "(ended_at IS NULL) = (step IS NOT NULL) AND (ended_at IS NULL) = (next_poll_at IS NOT NULL)"
        " AND (ended_at IS NULL) = (stage NOT IN ('succeeded', 'failed'))",
        name="logins_ended_is_not_polled",
    ),
    CheckConstraint("(stage = 'failed') = (reason IS NOT NULL)", name="logins_failure_has_reason"),
    CheckConstraint(
        "ended_at IS NULL OR (cookies IS NULL AND token IS NULL AND home_path IS NULL AND qr_image IS NULL)",
        name="logins_ended_holds_no_secret",
    ),
)
Index("logins_due_polls_idx", logins.c.next_poll_at, postgresql_where=IS_POLL)
Index("logins_due_acts_idx", logins.c.next_poll_at, postgresql_where=IS_ACT)
Index("logins_deadline_at_idx", logins.c.deadline_at, postgresql_where=text("deadline_at IS NOT NULL"))
Index(
    "logins_access_until_idx",
    logins.c.access_until,
    postgresql_where=text("access_until IS NOT NULL AND ended_at IS NULL"),
)
Index("logins_running_of_owner_idx", logins.c.owner_id, postgresql_where=text("ended_at IS NULL"))
Index("logins_ended_at_idx", logins.c.ended_at, postgresql_where=text("ended_at IS NOT NULL"))

login_events = Table(
    "login_events",
    metadata,
    Column("login_id", Text, ForeignKey("logins.id", ondelete="CASCADE"), primary_key=True),
    # From 1 without gaps, counted in the login's row.
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("time", DateTime(timezone=True), nullable=False),
    Column("kind", Text, nullable=False),
    # The contract's LoginEvent, serialised: what every watcher gets, byte for byte.
    Column("message", LargeBinary, nullable=False),
    CheckConstraint(
        "kind IN ('qr_code', 'progress', 'success', 'failure')", name="login_events_kind_is_known"
    ),
)
login_starts = attempts_table(metadata, "login_starts")

# A login ends once.
Index(
    "login_events_one_end_key",
    login_events.c.login_id,
    unique=True,
    postgresql_where=text("kind IN ('success', 'failure')"),
)
