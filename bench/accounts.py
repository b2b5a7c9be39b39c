"""Accounts for benchmarks, written directly to Identity's database."""

import datetime
import uuid

from sqlalchemy import update

from services.chassis.postgres.database import Database
from services.identity.tables import accounts
from tests.support.ready_accounts import ReadyAccount, ReadyAccounts

ACCESS = datetime.timedelta(days=30)


class Accounts:
    """Creates accounts in one Identity database."""

    def __init__(self, database_url: str, jwt_secret: str, password: str) -> None:
        self._database_url = database_url
        self._ready = ReadyAccounts(database_url, jwt_secret, password)

    def pending(self, count: int) -> list[ReadyAccount]:
        """Creates accounts that have not redeemed a code."""
        return self._ready.make(count)

    def admin(self) -> ReadyAccount:
        """Creates an administrator."""
        return self._ready.make(1, role="admin")[0]

    def active(self, count: int) -> list[ReadyAccount]:
        """Creates accounts with access for 30 days."""
        made = self.pending(count)
        ids = [uuid.UUID(account.id) for account in made]
        ends = datetime.datetime.now(datetime.UTC) + ACCESS
        given = update(accounts).where(accounts.c.id.in_(ids))
        database = Database(self._database_url, pool_size=1, application_name="bench-accounts")
        try:
            with database.transaction() as connection:
                connection.execute(given.values(activation_status="active", expired_time=ends))
        finally:
            database.dispose()
        return made
