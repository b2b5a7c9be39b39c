"""One key for an address whose domain is written in Unicode and the same one written as `xn--…`.

Only keys change, and only of the few accounts whose domain is not plain ASCII. Where two accounts already have one
address, the one that holds the new key keeps it and the other keeps its old key: both stay, the address belongs to
the former, and the log names the latter, so that an admin can delete one of them.
"""

import contextlib
import unicodedata

import idna
import sqlalchemy as sa
import structlog
from alembic import context, op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_log = structlog.get_logger(__name__)

# What is neither ASCII nor as old code wrote it is found here, whatever its case: keys are folded.
FOUND = sa.text(
    "SELECT id, email, email_key FROM accounts WHERE email_key LIKE '%@%xn--%' OR email_key ~ '[^\\x01-\\x7f]' "
    "ORDER BY created_at, id"
)
CHANGE = sa.text(
    "UPDATE accounts SET email_key = :key WHERE id = :id "
    "AND NOT EXISTS (SELECT FROM accounts AS holder WHERE holder.email_key = :key)"
)


def upgrade() -> None:
    if context.is_offline_mode():
        # Which keys change is computed, so there is no SQL to show.
        return
    connection = op.get_bind()
    for row in connection.execute(FOUND).all():
        key = email_key(row.email)
        if key != row.email_key and connection.execute(CHANGE, {"id": row.id, "key": key}).rowcount == 0:
            _log.warning("email_has_two_accounts", account_without_the_address=str(row.id))


def downgrade() -> None:
    """The keys stay: older code finds all but the addresses that are written as `xn--…`."""


def email_key(email: str) -> str:
    """The key of an address as this revision's code computes it."""
    local, at, domain = email.rpartition("@")
    with contextlib.suppress(idna.IDNAError):
        domain = idna.decode(domain, uts46=True)
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", local + at + domain).casefold())
