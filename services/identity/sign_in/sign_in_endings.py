"""How an attempt to sign in ends: with all that follows from it in one statement, and so in one transaction."""

import datetime
import uuid

from sqlalchemy import Integer, Select, bindparam, func, literal, select, update

from services.chassis.audit.recording import AuditLog, Event
from services.chassis.postgres.database import Database
from services.chassis.postgres.direct_statements import DirectStatement
from services.chassis.throttling.open_attempts import ATTEMPT, counted, forgotten
from services.chassis.throttling.throttle import Attempt
from services.identity.sign_in import known_networks
from services.identity.sign_in.password_check import UNCHANGED, Credentials
from services.identity.tables import accounts, attempts

_NUMBER = literal(0, Integer).label("number")


class SignInEndings:
    """Ends attempts in the table `attempts`, and records them. Thread-safe."""

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit
        self._right = DirectStatement(_right(audit))
        self._wrong = DirectStatement(_wrong(audit))

    def right(
        self, attempt: Attempt, credentials: Credentials, kept: str, network: str, now: datetime.datetime
    ) -> int | None:
        """The password was right, and stays as the hash `kept`: gives the iat of a new token.

        None when it was changed since the credentials were read.
        """
        who = str(credentials.account_id)
        values = {
            ATTEMPT: attempt.id,
            "of_account": credentials.account_id,
            "compared": credentials.password_hash,
            "kept": kept,
            "now_seconds": int(now.timestamp()),
            **known_networks.values(network, now),
        }
        told = self._audit.entry(Event("sign_in", who, actor=who, actor_email=credentials.email))
        with self._database.direct() as connection:
            row = self._right.row(connection, {**values, **self._audit.entries([told])})
        attempt.is_over = True
        return None if row is None else int(row[0])

    def wrong(self, attempt: Attempt, account_id: uuid.UUID | None, reason: str) -> None:
        """The password was wrong, or there is no such account: that counts."""
        # What was typed as an e-mail is not recorded: now and then it is somebody's password.
        target = str(account_id) if account_id is not None else ""
        told = self._audit.entry(Event("sign_in", target, outcome=reason))
        with self._database.direct() as connection:
            self._wrong.rows(connection, {ATTEMPT: attempt.id, **self._audit.entries([told])})
        attempt.is_over = True


def _right(audit: AuditLog) -> Select[int]:
    iat = func.greatest(bindparam("now_seconds"), accounts.c.tokens_valid_after + 1)
    issued = (
        update(accounts)
        .where(UNCHANGED)
        .values(newest_token=func.greatest(accounts.c.newest_token, iat), password_hash=bindparam("kept"))
        .returning(accounts.c.id, iat.label("iat"))
        .cte("issued")
    )
    told = audit.appending(select(_NUMBER).select_from(issued).subquery("done"))
    return select(issued.c.iat).add_cte(forgotten(attempts), known_networks.remembered(issued), told)


def _wrong(audit: AuditLog) -> Select[int]:
    done = select(_NUMBER).subquery("done")
    return select(done.c.number).add_cte(counted(attempts), audit.appending(done))
