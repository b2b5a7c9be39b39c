"""Accounts written straight into Identity's database: hundreds in a moment, at no throttle's mercy.

Register would hash a password for each, a fifth of a second of a core. These share one hash, and are otherwise what
Register makes: row and feed entry in one transaction. Their tokens are minted with the stack's key.
"""

import datetime
import secrets
import uuid
from dataclasses import dataclass, field

from sqlalchemy import insert

from services.chassis.postgres.database import Database
from services.identity.accounts.emails import email_key
from services.identity.feed import changes
from services.identity.passwords.hashes import SALT_BYTES, hash_password
from services.identity.sign_in.tokens import Tokens
from services.identity.tables import accounts

TOKEN_LIFETIME = datetime.timedelta(hours=6)


@dataclass(frozen=True)
class ReadyAccount:
    """An account that exists, and a token of it that works."""

    id: str
    email: str
    token: str = field(repr=False)


class ReadyAccounts:
    """Makes accounts in one Identity database. `password` is the one of all of them. Thread-safe."""

    def __init__(self, database_url: str, jwt_secret: str, password: str) -> None:
        self._database_url = database_url
        self._tokens = Tokens(jwt_secret, TOKEN_LIFETIME)
        self._hash = hash_password(password, secrets.token_bytes(SALT_BYTES))

    def make(self, count: int, role: str = "user") -> list[ReadyAccount]:
        """New pending accounts. Raises DatabaseUnavailableError; then none was made, or they are not announced."""
        now = datetime.datetime.now(datetime.UTC)
        new = [(uuid.uuid4(), f"{secrets.token_hex(8)}@example.com") for _ in range(count)]
        # One connection each time: the server may have been restarted since the last.
        database = Database(self._database_url, pool_size=1, application_name="ready-accounts")
        try:
            with database.transaction() as connection:
                rows = [self._row(account_id, email, role, now) for account_id, email in new]
                connection.execute(insert(accounts), rows)
                for account_id, _ in new:
                    changes.append(connection, account_id, changes.CHANGED, now)
        finally:
            database.dispose()
        issued = int(now.timestamp())
        return [
            ReadyAccount(str(account_id), email, self._tokens.issue(account_id, issued, now))
            for account_id, email in new
        ]

    def _row(self, account_id: uuid.UUID, email: str, role: str, now: datetime.datetime) -> dict[str, object]:
        return {
            "id": account_id,
            "email": email,
            "email_key": email_key(email),
            "password_hash": self._hash,
            "role": role,
            "activation_status": "pending",
            # Identity remembers the newest token that it gave out: a logout ends those until then.
            "newest_token": int(now.timestamp()),
            "created_at": now,
            "updated_at": now,
        }
