"""Authenticates access tokens: the signature, then one statement for the account."""

import datetime
import uuid
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import ARRAY, Uuid, any_, bindparam, select

from services.chassis.identity.principals import (
    AuthenticatedToken,
    Principal,
    TokenRevokedError,
    UnauthenticatedError,
)
from services.chassis.postgres.database import Database
from services.chassis.postgres.direct_statements import DirectStatement
from services.identity.accounts.accounts import COLUMNS, Account
from services.identity.sign_in.tokens import Claims, Tokens
from services.identity.tables import account_feed, accounts

# One statement sees one moment: the feed's head in it cannot be newer than the accounts are. The head is there also
# when none of the accounts is.
_HEAD_AND_ACCOUNTS = DirectStatement(
    select(account_feed.c.sequence, accounts.c.tokens_valid_after, *COLUMNS).select_from(
        account_feed.outerjoin(accounts, accounts.c.id == any_(bindparam("account_ids", type_=ARRAY(Uuid))))
    )
)

Verdict = AuthenticatedToken | UnauthenticatedError
# The feed's head, since when the account's tokens count, and the account.
_Known = tuple[int, int, Account]


class TokenAuthentication:
    """Authenticates tokens against the database. Thread-safe."""

    def __init__(self, database: Database, tokens: Tokens, now: Callable[[], datetime.datetime]) -> None:
        self._database = database
        self._tokens = tokens
        self._now = now

    def authenticate(self, token: str) -> AuthenticatedToken:
        """Raises UnauthenticatedError, TokenExpiredError, or TokenRevokedError (also: the account is gone)."""
        [verdict] = self.verdicts([token])
        if isinstance(verdict, UnauthenticatedError):
            raise verdict
        return verdict

    def verdicts(self, tokens: Sequence[str]) -> list[Verdict]:
        """For each of a few tokens in turn what authenticate() gives or raises."""
        now = self._now()
        claims = [self._claims(token, now) for token in tokens]
        ids = [one.account_id for one in claims if isinstance(one, Claims)]
        known = self._known(ids) if ids else {}
        return [_verdict(one, known, now) if isinstance(one, Claims) else one for one in claims]

    def _claims(self, token: str, now: datetime.datetime) -> Claims | UnauthenticatedError:
        try:
            return self._tokens.verify(token, now)
        except UnauthenticatedError as error:
            return error

    def _known(self, account_ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, _Known]:
        with self._database.direct() as connection:
            rows = _HEAD_AND_ACCOUNTS.rows(connection, {"account_ids": account_ids})
        # Of accounts that are gone there is nothing, but the row.
        found = [(row[0], row[1], Account(*row[2:])) for row in rows if row[2] is not None]
        return {account.id: (sequence, valid_after, account) for sequence, valid_after, account in found}


def _verdict(claims: Claims, known: Mapping[uuid.UUID, _Known], now: datetime.datetime) -> Verdict:
    found = known.get(claims.account_id)
    if found is None:
        return TokenRevokedError()
    sequence, valid_after, account = found
    if not claims.counts_for(valid_after):
        return TokenRevokedError()
    if claims.is_from_the_future(valid_after, now):
        return UnauthenticatedError()
    expire_time = datetime.datetime.fromtimestamp(claims.expires, datetime.UTC)
    return AuthenticatedToken(principal_of(account), expire_time, sequence)


def principal_of(account: Account) -> Principal:
    """The account as a caller."""
    return Principal(
        account_id=str(account.id),
        email=account.email,
        role=account.role,
        activation_status=account.activation_status,
        expired_time=account.expired_time,
        tokens_valid_after=account.tokens_valid_after,
    )
