"""Reading the credentials with which a password is compared."""

import uuid
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, Text, bindparam, select

from services.identity.accounts import known_networks
from services.identity.tables import accounts

_CREDENTIALS = select(
    accounts.c.id,
    accounts.c.email_key,
    accounts.c.password_hash,
    known_networks.is_known(bindparam("network", type_=Text)),
    accounts.c.totp_confirmed_at.is_not(None),
)
# SQL: the hash that was compared is still the account's. If the password was changed meanwhile, it is not.
UNCHANGED = (accounts.c.id == bindparam("of_account")) & (accounts.c.password_hash == bindparam("compared"))


@dataclass(frozen=True)
class Credentials:
    """An account's credentials, whether it is known at the caller's network, and whether it has a second factor."""

    account_id: uuid.UUID
    email_key: str
    password_hash: str = field(repr=False)
    is_known_network: bool
    has_second_factor: bool


def by_email(connection: Connection, key: str, network: str) -> Credentials | None:
    """Returns the credentials of the account with this email_key(), or None. `network` is from network_of()."""
    return _find(connection, accounts.c.email_key == key, network)


def by_id(connection: Connection, account_id: uuid.UUID, network: str) -> Credentials | None:
    """Returns the credentials of the account, or None. `network` is from network_of()."""
    return _find(connection, accounts.c.id == account_id, network)


def _find(connection: Connection, is_wanted: ColumnElement[bool], network: str) -> Credentials | None:
    row = connection.execute(_CREDENTIALS.where(is_wanted), {"network": network}).one_or_none()
    return None if row is None else Credentials(*row)
