"""The tables of Activation's database, except Procrastinate's."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
)

from services.activation.codes.iso_time import PATTERN, IsoTime
from services.chassis.audit.tables import audit_tables
from services.chassis.identity.feed_follower import feed_cursor_table
from services.chassis.identity.statuses import ACTIVE, PENDING, STATUSES
from services.chassis.outbox.tables import outbox_table
from services.chassis.overview_counts.tables import overview_counts_table
from services.chassis.throttling.tables import attempts_table

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    }
)


def _is_time(column: str, table: str = "activation_codes") -> CheckConstraint:
    return CheckConstraint(rf"{column} ~ '{PATTERN}'", name=f"{table}_{column}_format")


activation_codes = Table(
    "activation_codes",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("activation_code", Text(collation="C"), nullable=False, unique=True),
    Column("user_email", Text),
    Column("account_id", Uuid),
    Column("activation_status", Text(collation="C"), nullable=False),
    Column("expiry_date", IsoTime),
    Column("activation_time", IsoTime),
    Column("valid_days", Integer, nullable=False),
    Column("create_time", IsoTime, nullable=False),
    Column("update_time", IsoTime, nullable=False),
    # Null for codes that were generated before there were batches. Not a foreign key, which would be checked for
    # each of 10,000 new codes.
    Column("batch_id", Uuid),
    # FROM_NOW or FROM_EXPIRY, and the time from which on a pending code cannot be redeemed; both as in the batch.
    Column("days_from", Text(collation="C"), nullable=False, server_default="now"),
    Column("redeem_before", IsoTime),
    CheckConstraint("activation_code ~ '^[0-9a-f]{32}$'", name="activation_codes_activation_code_format"),
    CheckConstraint(f"activation_status IN {STATUSES}", name="activation_codes_activation_status_known"),
    CheckConstraint("valid_days BETWEEN 1 AND 3650", name="activation_codes_valid_days_range"),
    # The columns of a redemption are set together, and a redeemed code is not pending.
    CheckConstraint(
        "num_nulls(account_id, user_email, expiry_date, activation_time) IN (0, 4)",
        name="activation_codes_redeemed_whole",
    ),
    CheckConstraint(
        f"activation_status <> '{PENDING}' OR account_id IS NULL", name="activation_codes_pending_unbound"
    ),
    *(_is_time(column) for column in ("expiry_date", "activation_time", "create_time", "update_time")),
)

_code = activation_codes.c
# Codes of one call share their create_time; the id makes the order total.
Index("activation_codes_newest_idx", _code.create_time.desc(), _code.id.desc())
Index(
    "activation_codes_status_newest_idx",
    _code.activation_status,
    _code.create_time.desc(),
    _code.id.desc(),
)
# Whether few codes have expired or few have not, one of these two indexes is selective.
Index(
    "activation_codes_active_expiry_date_idx",
    _code.expiry_date,
    postgresql_where=_code.activation_status == ACTIVE,
)
Index(
    "activation_codes_account_id_idx",
    _code.account_id,
    postgresql_where=_code.account_id.is_not(None),
)
# A batch's codes in the order of lists; their numbers by state are read from the index alone.
Index(
    "activation_codes_batch_newest_idx",
    _code.batch_id,
    _code.create_time.desc(),
    _code.id.desc(),
    postgresql_include=["activation_status", "expiry_date"],
    postgresql_where=_code.batch_id.is_not(None),
)
# Finds the pending codes that can no longer be redeemed.
Index(
    "activation_codes_pending_redeem_before_idx",
    _code.redeem_before,
    postgresql_where=(_code.activation_status == PENDING) & _code.redeem_before.is_not(None),
)
# Trigrams find a part of a code.
Index(
    "activation_codes_activation_code_trgm_idx",
    _code.activation_code,
    postgresql_using="gin",
    postgresql_ops={"activation_code": "gin_trgm_ops"},
)
# Trigrams find a part of an e-mail. Codes without an e-mail are not in the index.
Index(
    "activation_codes_user_email_trgm_idx",
    _code.user_email,
    postgresql_using="gin",
    postgresql_ops={"user_email": "gin_trgm_ops"},
    postgresql_where=_code.user_email.is_not(None),
)

# What one GenerateCodes made. A row stays when its codes are deleted.
code_batches = Table(
    "code_batches",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("note", Text),
    Column("valid_days", Integer, nullable=False),
    Column("days_from", Text(collation="C"), nullable=False),
    Column("redeem_before", IsoTime),
    Column("create_time", IsoTime, nullable=False),
    Column("admin_account_id", Uuid, nullable=False),
    # When it was last revoked; null if it was not.
    Column("revoke_time", IsoTime),
    CheckConstraint("days_from IN ('now', 'expiry')", name="code_batches_days_from_known"),
    *(_is_time(column, "code_batches") for column in ("redeem_before", "create_time")),
)
Index("code_batches_newest_idx", code_batches.c.create_time.desc(), code_batches.c.id.desc())

# The number of codes is the sum of the deltas. Triggers write them, and merge those that no other
# transaction has locked, so that the exact count of a million codes is cheap and no
# writer waits for another.
code_count_deltas = Table(
    "code_count_deltas",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("delta", BigInteger, nullable=False),
)

# The counts of the overview, by kind and day: codes by stored state, with the day on which an active or
# pending one ends ("infinity" for all others); redemptions; and the pending codes of each batch.
overview_count_deltas = overview_counts_table(metadata)

generation_requests = Table(
    "generation_requests",
    metadata,
    Column("request_id", Text(collation="C"), primary_key=True),
    Column("admin_account_id", Uuid, nullable=False),
    Column("valid_days", Integer, nullable=False),
    Column("code_count", Integer, nullable=False),
    Column("create_time", IsoTime, nullable=False),
    # The first answer: 16 bytes of the id and 16 bytes of the code for each code; zeros for deleted ones.
    Column("codes", LargeBinary, nullable=False),
    # Null for requests from before there were batches.
    Column("batch_id", Uuid),
    CheckConstraint("octet_length(codes) = 32 * code_count", name="generation_requests_codes_whole"),
    Index("generation_requests_create_time_idx", "create_time"),
)

# Guesses of codes; see services.activation.redeeming.guessing.
attempts = attempts_table(metadata, "activation_attempts")
feed_cursor = feed_cursor_table(metadata)
audit = audit_tables(metadata)

# Whether few codes can be redeemed, and the number of the present or last shortage, by which its event is named. It
# begins as one, so that no admin is notified before there are codes.
code_stock = Table(
    "code_stock",
    metadata,
    Column("only_row", Boolean, primary_key=True, server_default="true"),
    Column("is_low", Boolean, nullable=False, server_default="true"),
    Column("number", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("only_row", name="code_stock_only_row"),
)
outbox = outbox_table(metadata)
