"""Authenticates access tokens: the signature, then one statement for the account."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy import bindparam, select

from services.chassis.identity.principals import (
    AuthenticatedToken,
    Principal,
    TokenRevokedError,
    UnauthenticatedError,
)
from services.chassis.postgres.database import Database
from services.chassis.postgres.direct_statements import DirectStatement
from services.identity.accounts.accounts import COLUMNS, Account
from services.identity.sign_in.tokens import Tokens
from services.identity.tables import account_feed, accounts

# A single statement, so that both are from one snapshot: the feed's head cannot be newer than the account.
_HEAD_AND_ACCOUNT = DirectStatement(
    select(account_feed.c.sequence, accounts.c.tokens_valid_after, *COLUMNS).select_from(
        account_feed.join(accounts, accounts.c.id == bindparam("account_id"))
    )
)


@dataclass(frozen=True)
class TokenAuthentication:
    """Authenticates tokens against the database. Thread-safe."""

    database: Database
    tokens: Tokens
    # Whether admins must have a second factor.
    requires_second_factor: bool
    now: Callable[[], datetime.datetime]

    def authenticate(self, token: str) -> AuthenticatedToken:
        """Returns the token's principal.

        Raises UnauthenticatedError if the token is invalid, TokenExpiredError, or TokenRevokedError, also if the
        account was deleted.
        """
        now = self.now()
        claims = self.tokens.verify(token, now)
        with self.database.direct() as connection:
            row = _HEAD_AND_ACCOUNT.row(connection, {"account_id": claims.account_id})
        if row is None:
            raise TokenRevokedError
        sequence, valid_after, *columns = row
        if not claims.is_valid_after(valid_after):
            raise TokenRevokedError
        if claims.is_from_the_future(valid_after, now):
            raise UnauthenticatedError
        expire_time = datetime.datetime.fromtimestamp(claims.expires, datetime.UTC)
        return AuthenticatedToken(self.principal(Account(*columns)), expire_time, sequence)

    def principal(self, account: Account) -> Principal:
        """Returns the principal of an account, with what is required of it."""
        principal = principal_of(account)
        is_lacking = self.requires_second_factor and principal.is_admin and not account.has_second_factor
        return replace(principal, lacks_second_factor=True) if is_lacking else principal


def principal_of(account: Account) -> Principal:
    """Returns the principal of an account."""
    return Principal(
        account_id=str(account.id),
        email=account.email,
        role=account.role,
        activation_status=account.activation_status,
        expired_time=account.expired_time,
        tokens_valid_after=account.tokens_valid_after,
        has_second_factor=account.has_second_factor,
    )
