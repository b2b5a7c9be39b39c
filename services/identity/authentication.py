"""Whose token is this, and what may the account do: the signature and one statement."""

import datetime
from collections.abc import Callable

from sqlalchemy import bindparam, select

from services.chassis.database import Database
from services.chassis.principals import (
    AuthenticatedToken,
    Principal,
    TokenRevokedError,
    UnauthenticatedError,
)
from services.identity.accounts import COLUMNS, Account, account_of
from services.identity.tables import account_feed, accounts
from services.identity.tokens import Tokens

# One statement sees one moment: the feed's head in it cannot be newer than the account is.
_ACCOUNT_AND_HEAD = select(account_feed.c.sequence, *COLUMNS, accounts.c.tokens_valid_after).select_from(
    account_feed.outerjoin(accounts, accounts.c.id == bindparam("account_id"))
)


class TokenAuthentication:
    """Authenticates tokens against the database. Thread-safe."""

    def __init__(self, database: Database, tokens: Tokens, now: Callable[[], datetime.datetime]) -> None:
        self._database = database
        self._tokens = tokens
        self._now = now

    def authenticate(self, token: str) -> AuthenticatedToken:
        """Raises UnauthenticatedError, TokenExpiredError, or TokenRevokedError (also: the account is gone)."""
        now = self._now()
        claims = self._tokens.verify(token, now)
        with self._database.reading() as connection:
            row = connection.execute(_ACCOUNT_AND_HEAD, {"account_id": claims.account_id}).one()
        if row.id is None or not claims.counts_for(row.tokens_valid_after):
            raise TokenRevokedError
        if claims.is_from_the_future(row.tokens_valid_after, now):
            raise UnauthenticatedError
        expire_time = datetime.datetime.fromtimestamp(claims.expires, datetime.UTC)
        return AuthenticatedToken(principal_of(account_of(row)), expire_time, row.sequence)


def principal_of(account: Account) -> Principal:
    """The account as a caller."""
    return Principal(
        account_id=str(account.id),
        email=account.email,
        role=account.role,
        activation_status=account.activation_status,
        expired_time=account.expired_time,
    )
