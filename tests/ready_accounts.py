"""Accounts made by Identity's own rule, straight in its database: hundreds in a moment, at no throttle's mercy.

Register would hash a password for each, a fifth of a second of a core. These share one hash, and are otherwise what
Register makes: row and feed entry in one transaction. Their tokens are minted with the stack's key.
"""

import datetime
import secrets
import uuid
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from services.chassis.audit.recording import AuditLog
from services.chassis.database import Database
from services.identity import accounts
from services.identity.account_transactions import AccountTransactions
from services.identity.accounts import NewAccount
from services.identity.passwords import SALT_BYTES, hash_password
from services.identity.tables import audit
from services.identity.tokens import Tokens

TOKEN_LIFETIME = datetime.timedelta(hours=6)


@dataclass(frozen=True)
class ReadyAccount:
    """An account that exists, and a token of it that works."""

    id: str
    email: str
    token: str = field(repr=False)


class ReadyAccounts:
    """Makes accounts in one Identity database. `password` is the one of all of them."""

    def __init__(self, database_url: str, jwt_secret: str, password: str) -> None:
        self._database = Database(database_url, pool_size=2, application_name="ready-accounts")
        log = AuditLog(audit, _now)
        self._transactions = AccountTransactions(self._database, _now, log, lambda _account, _sequence: None)
        self._tokens = Tokens(jwt_secret, TOKEN_LIFETIME)
        self._hash = hash_password(password, secrets.token_bytes(SALT_BYTES))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.dispose()

    def make(self, count: int, role: str = accounts.USER_ROLE) -> list[ReadyAccount]:
        """New pending accounts. Raises DatabaseUnavailableError; then none was made, or nobody hears of them."""
        # The server may have been restarted since the last time.
        self._database.dispose()
        new = [self._new(role) for _ in range(count)]
        with self._transactions.begin() as transaction:
            for account in new:
                accounts.create(transaction, account)
        return [ReadyAccount(str(one.id), one.email, self.token(one.id)) for one in new]

    def token(self, account_id: uuid.UUID) -> str:
        """A token of any account, issued now."""
        now = _now()
        return self._tokens.issue(account_id, int(now.timestamp()), now)

    def _new(self, role: str) -> NewAccount:
        return NewAccount(uuid.uuid4(), f"{secrets.token_hex(8)}@example.com", self._hash, role)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
