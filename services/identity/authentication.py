"""Whose token is this, and what may the account do: the signature and one statement."""

import datetime
from collections.abc import Callable

from sqlalchemy import bindparam, select

from services.chassis.database import Database
from services.chassis.direct_statements import DirectStatement
from services.chassis.principals import (
    AuthenticatedToken,
    Principal,
    TokenRevokedError,
    UnauthenticatedError,
)
from services.identity.accounts import COLUMNS, Account
from services.identity.tables import account_feed, accounts
from services.identity.tokens import Tokens

# One statement sees one moment: the feed's head in it cannot be newer than the account is.
_HEAD_AND_ACCOUNT = DirectStatement(
    select(account_feed.c.sequence, accounts.c.tokens_valid_after, *COLUMNS).select_from(
        account_feed.outerjoin(accounts, accounts.c.id == bindparam("account_id"))
    )
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
        with self._database.direct() as connection:
            [(sequence, valid_after, *found)] = _HEAD_AND_ACCOUNT.rows(
                connection, {"account_id": claims.account_id}
            )
        # Of an account that is gone there is nothing in the row.
        is_gone = found[0] is None
        if is_gone or not claims.counts_for(valid_after):
            raise TokenRevokedError
        if claims.is_from_the_future(valid_after, now):
            raise UnauthenticatedError
        expire_time = datetime.datetime.fromtimestamp(claims.expires, datetime.UTC)
        return AuthenticatedToken(principal_of(Account(*found)), expire_time, sequence)


def principal_of(account: Account) -> Principal:
    """The account as a caller."""
    return Principal(
        account_id=str(account.id),
        email=account.email,
        role=account.role,
        activation_status=account.activation_status,
        expired_time=account.expired_time,
    )
