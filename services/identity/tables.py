"""The schema of Identity's database."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
)

from services.chassis.audit.tables import audit_tables
from services.chassis.identity.statuses import ACTIVE, ROLES, STATUSES
from services.chassis.overview_counts.tables import overview_counts_table
from services.chassis.throttling.tables import attempts_table

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Uuid, primary_key=True),
    # As registered.
    Column("email", Text, nullable=False),
    # The same for all spellings of an address; see services.identity.accounts.emails.
    Column("email_key", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("role", Text, nullable=False),
    # As last set: an active account past its expired_time is still "active" here.
    Column("activation_status", Text, nullable=False),
    Column("activation_code", Text, unique=True),
    Column("expired_time", DateTime(timezone=True)),
    # When an admin last set activation_status or expired_time; codes that were redeemed earlier have no effect.
    Column("activation_set_at", DateTime(timezone=True)),
    # Unix seconds; see services.identity.sign_in.tokens.
    Column("tokens_valid_after", BigInteger, nullable=False, server_default="0"),
    Column("newest_token", BigInteger, nullable=False, server_default="0"),
    # Encrypted with TOTP_KEYS; see services.identity.sign_in.second_factor. It has no effect until it is confirmed.
    Column("totp_secret", LargeBinary),
    Column("totp_confirmed_at", DateTime(timezone=True)),
    # The time step of the last code that was accepted.
    Column("totp_last_step", BigInteger, nullable=False, server_default="0"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    CheckConstraint(f"role IN {ROLES}", name="role"),
    CheckConstraint(f"activation_status IN {STATUSES}", name="activation_status"),
)
# Every list is sorted by time and id; with a filter, the index has the rows in that order, too.
Index("accounts_newest_idx", accounts.c.created_at.desc(), accounts.c.id.desc())
Index("accounts_role_newest_idx", accounts.c.role, accounts.c.created_at.desc(), accounts.c.id.desc())
Index(
    "accounts_status_newest_idx",
    accounts.c.activation_status,
    accounts.c.created_at.desc(),
    accounts.c.id.desc(),
)
# Either few accounts are past their expired_time, or few are not; this index or the one above is selective.
Index(
    "accounts_active_expired_time_idx",
    accounts.c.expired_time,
    postgresql_where=accounts.c.activation_status == ACTIVE,
)
# A trigram index, for searches of a part of an address.
Index(
    "accounts_email_key_trgm_idx",
    accounts.c.email_key,
    postgresql_using="gin",
    postgresql_ops={"email_key": "gin_trgm_ops"},
)

# The number of accounts is the sum of the deltas. Triggers insert them, and fold those that are not locked by
# another transaction into one, so that the exact count of a million accounts is cheap and no writer waits for
# another.
account_count_deltas = Table(
    "account_count_deltas",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("delta", BigInteger, nullable=False),
)

# The counts of the overview, by kind and day: accounts by state ("admin" or a user's status) with the last
# day of access of active users ("infinity" for all others), and sign-ins.
overview_count_deltas = overview_counts_table(metadata)

# One row: the sequence of the last change, and that of the last change that was pruned.
account_feed = Table(
    "account_feed",
    metadata,
    Column("only_row", Boolean, primary_key=True, server_default="true"),
    Column("sequence", BigInteger, nullable=False, server_default="0"),
    Column("pruned_up_to", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("only_row", name="only_row"),
)

account_changes = Table(
    "account_changes",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    # Not a foreign key, because the account may have been deleted.
    Column("account_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("time", DateTime(timezone=True), nullable=False),
    CheckConstraint("kind IN ('changed', 'deleted')", name="kind"),
)

# The activation codes that were applied or cleared, for idempotency. Rows are kept as long as the account, so that
# a late retry cannot apply a code that was used or cleared.
account_activations = Table(
    "account_activations",
    metadata,
    Column("activation_code", Text, primary_key=True),
    # These four are null for a code that was cleared before it was ever applied. The expired_time, which is the
    # first answer, is also null for a code that added days to access without an end.
    Column("account_id", Uuid, index=True),
    Column("expired_time", DateTime(timezone=True)),
    Column("applied_at", DateTime(timezone=True)),
    # The time of Activation's claim. Null for codes that were applied before this column existed.
    Column("redeemed_at", DateTime(timezone=True)),
    Column("cleared_at", DateTime(timezone=True)),
    # Set for codes that add days to what the account has left; see services.identity.accounts.access.
    Column("added_days", Integer),
    Column("left_before", DateTime(timezone=True)),
)

# Sign-in attempts and registrations; see services.identity.sign_in.throttle.
attempts = attempts_table(metadata, "sign_in_attempts")

# The networks from which an account was registered or signed in to.
known_networks = Table(
    "known_networks",
    metadata,
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("network", Text, primary_key=True),
    Column("last_used", DateTime(timezone=True), nullable=False),
    Index("known_networks_last_used_idx", "last_used"),
)

# With which a password is set once; see services.identity.sign_in.password_reset. At most one for each account.
password_links = Table(
    "password_links",
    metadata,
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("ticket_digest", LargeBinary, nullable=False, unique=True),
    # The admin. Not a foreign key: if the admin is deleted, the link no longer works.
    Column("created_by", Uuid, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expire_time", DateTime(timezone=True), nullable=False),
    Index("password_links_expire_time_idx", "expire_time"),
)

# Each stands in for a code of the second factor once.
recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
)

audit = audit_tables(metadata)
