"""Synchronises exported folders with the database."""

import datetime
from collections.abc import Callable, Iterator

import structlog
from sqlalchemy import Connection, bindparam, select, text

from services.chassis.postgres.database import Database
from services.chassis.vault import UnreadableSecretError, Vault
from services.wechat_cookie.cookies.cookie import COLUMNS, Cookie
from services.wechat_cookie.cookies.tables import cookies
from services.wechat_cookie.exported.contents import ExportedCookie, files_of
from services.wechat_cookie.exported.directory import ExportDirectory, InTheWayError
from services.wechat_cookie.mp.cookies import MpCookies

_log = structlog.get_logger(__name__)

PAGE = 5000
# Far longer than writing three files takes; older temporary folders are of processes that died.
LEFTOVER_SECONDS = 600.0

# Serialises replicas that share the directory, from reading a token's row to writing its folder. The number
# separates these keys from other advisory locks.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:token, 2))")
_REVISION = select(cookies.c.revision).where(
    cookies.c.token == bindparam("token"), cookies.c.expire_time > bindparam("now")
)
_CONTENTS = select(*COLUMNS, cookies.c.original_id, cookies.c.jar, cookies.c.avatar).where(
    cookies.c.token == bindparam("token")
)
_REVISIONS = (
    select(cookies.c.token, cookies.c.revision)
    .where(cookies.c.token > bindparam("after"), cookies.c.expire_time > bindparam("now"))
    .order_by(cookies.c.token)
    .limit(bindparam("page"))
)


class Folders:
    """The exported folders of this replica. Thread-safe."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        directory: ExportDirectory,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self._database = database
        self._vault = vault
        self._directory = directory
        self._now = now

    def sync(self, token: str) -> None:
        """Writes, replaces or removes the token's folder to match the committed row. Idempotent.

        Call it after the commit. If the process dies before, the next reconcile does it. Raises
        DatabaseUnavailableError, InTheWayError, OSError, UnreadableSecretError.
        """
        with self._database.transaction() as connection:
            connection.execute(_LOCK, {"token": token})
            wanted = connection.execute(_REVISION, {"token": token, "now": self._now()}).scalar()
            if wanted is None:
                self._directory.remove(token)
            elif self._directory.revision(token) != wanted:
                self._directory.write(token, files_of(self._read(connection, token)), wanted)

    def reconcile(self, stopping: Callable[[], bool] = lambda: False) -> None:
        """Syncs every token whose folder is missing, changed, outdated, or should not exist.

        A failure for one token is logged and does not affect the others. Ends early once `stopping()` is true.
        Raises DatabaseUnavailableError, and OSError if the directory cannot be read.
        """
        surplus = self._directory.revisions()
        behind = [token for token, revision in self._wanted() if surplus.pop(token, None) != revision]
        for token in (*behind, *surplus):
            if stopping():
                return
            self.sync_or_log(token)
        self._directory.remove_leftovers(self._now().timestamp() - LEFTOVER_SECONDS)

    def sync_or_log(self, token: str) -> None:
        """Calls sync() and logs errors of the folder."""
        try:
            self.sync(token)
        except (InTheWayError, OSError, UnreadableSecretError) as error:
            _log.error("folder_not_synced", error=type(error).__name__)

    def _wanted(self) -> Iterator[tuple[str, int]]:
        after, now = "", self._now()
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(_REVISIONS, {"after": after, "now": now, "page": PAGE})
                page = [(token, revision) for token, revision in rows]
            yield from page
            if len(page) < PAGE:
                return
            after, _ = page[-1]

    def _read(self, connection: Connection, token: str) -> ExportedCookie:
        *values, original_id, jar, avatar = connection.execute(_CONTENTS, {"token": token}).one()
        plain = MpCookies.from_json(self._vault.decrypt(jar))
        return ExportedCookie(Cookie(*values), original_id, plain, avatar)
