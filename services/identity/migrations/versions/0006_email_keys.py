"""Gives an address the same key whether its domain is written in Unicode or as `xn--…`.

Only keys of the few accounts whose domain is not plain ASCII change. If two accounts already have the same address,
the one that has the new key keeps it, and the other keeps its old key: the address belongs to the former, and the
log names the latter, so that an admin can delete one of them.
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

# Finds all addresses that are not ASCII or have an `xn--` domain, in any case, since keys are case-folded.
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
        # The new keys are computed, so there is no SQL to print.
        return
    connection = op.get_bind()
    for row in connection.execute(FOUND).all():
        key = email_key(row.email)
        if key != row.email_key and connection.execute(CHANGE, {"id": row.id, "key": key}).rowcount == 0:
            _log.warning("email_has_two_accounts", account_without_the_address=str(row.id))


def downgrade() -> None:
    """Keeps the keys: older code finds all addresses except those written as `xn--…`."""


def email_key(email: str) -> str:
    """Returns the key of an address as the code of this revision computes it."""
    local, at, domain = email.rpartition("@")
    with contextlib.suppress(idna.IDNAError):
        domain = idna.decode(domain, uts46=True)
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", local + at + domain).casefold())
