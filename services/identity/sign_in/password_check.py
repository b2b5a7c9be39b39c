"""What a given password is compared with."""

import uuid
from dataclasses import dataclass, field

from sqlalchemy import Text, bindparam, select

from services.chassis.postgres.database import Database
from services.chassis.postgres.direct_statements import DirectStatement
from services.identity.sign_in import known_networks
from services.identity.tables import accounts

_CREDENTIALS = select(
    accounts.c.id,
    accounts.c.email,
    accounts.c.email_key,
    accounts.c.password_hash,
    known_networks.is_known(bindparam("network", type_=Text)),
)
_BY_EMAIL = DirectStatement(_CREDENTIALS.where(accounts.c.email_key == bindparam("key")))
_BY_ID = DirectStatement(_CREDENTIALS.where(accounts.c.id == bindparam("account_id")))
# SQL: the hash that was compared is still the account's. A password changed meanwhile lets nobody in.
UNCHANGED = (accounts.c.id == bindparam("of_account")) & (accounts.c.password_hash == bindparam("compared"))


@dataclass(frozen=True)
class Credentials:
    """Those of an account, for one who comes from a network from which it was signed in to before, or not."""

    account_id: uuid.UUID
    email: str
    email_key: str
    password_hash: str = field(repr=False)
    is_known_network: bool


def by_email(database: Database, key: str, network: str) -> Credentials | None:
    """Those of the account with this email_key(), None when there is none. `network` is by network_of()."""
    with database.direct() as connection:
        row = _BY_EMAIL.row(connection, {"key": key, "network": network})
    return None if row is None else Credentials(*row)


def by_id(database: Database, account_id: uuid.UUID, network: str) -> Credentials | None:
    """Those of the account, None when there is none. `network` is by network_of()."""
    with database.direct() as connection:
        row = _BY_ID.row(connection, {"account_id": account_id, "network": network})
    return None if row is None else Credentials(*row)
