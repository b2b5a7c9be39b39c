"""The e-mails of accounts by id, for readers of the audit log."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ARRAY, Uuid, any_, bindparam, select

from services.chassis.postgres.database import Database
from services.identity.tables import accounts

_EMAILS = select(accounts.c.id, accounts.c.email).where(
    accounts.c.id == any_(bindparam("account_ids", type_=ARRAY(Uuid(as_uuid=False))))
)


def emails_of(database: Database, account_ids: Sequence[str]) -> Mapping[str, str]:
    """Returns the e-mails of those accounts that exist, by id. Raises as Database.reading() does."""
    with database.reading() as connection:
        rows = connection.execute(_EMAILS, {"account_ids": account_ids})
        return {str(account_id): email for account_id, email in rows}
