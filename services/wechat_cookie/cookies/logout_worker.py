"""A background loop that logs the sessions of deleted cookies out at WeChat."""

import structlog

from services.chassis.background_loop import BackgroundLoop
from services.chassis.postgres.database import Database
from services.chassis.vault import UnreadableSecretError, Vault
from services.wechat_cookie.cookies import pending_logouts
from services.wechat_cookie.cookies.pending_logouts import MOST_ATTEMPTS, PendingLogout
from services.wechat_cookie.mp.client import MpClient
from services.wechat_cookie.mp.cookies import InvalidCookiesError, MpCookies
from services.wechat_cookie.mp.errors import MpError

_log = structlog.get_logger(__name__)

IDLE_SECONDS = 15.0


class LogoutWorker:
    """Attempts each pending logout at most MOST_ATTEMPTS times. Several replicas may run one each."""

    def __init__(self, database: Database, vault: Vault, client: MpClient) -> None:
        self._database = database
        self._vault = vault
        self._client = client
        self._loop = BackgroundLoop("wechat-logouts", self.run_due, IDLE_SECONDS)

    def start(self) -> None:
        """Starts the thread, which begins with due logouts."""
        self._loop.start()

    def stop(self) -> None:
        """Ends the thread after the running exchange."""
        self._loop.stop()

    def wake(self) -> None:
        """Makes the thread check for due logouts now."""
        self._loop.wake()

    def run_due(self) -> None:
        """Processes the due logouts, one after the other."""
        with self._database.transaction() as connection:
            exhausted = pending_logouts.remove_exhausted(connection)
        for logout_id in exhausted:
            _log.warning("wechat_logout_dropped", cookie=str(logout_id), why="INTERRUPTED")
        while not self._loop.is_stopping:
            with self._database.transaction() as connection:
                logout = pending_logouts.claim(connection)
            if logout is None:
                return
            if self._is_settled(logout):
                with self._database.transaction() as connection:
                    pending_logouts.remove(connection, logout.id)

    def _is_settled(self, logout: PendingLogout) -> bool:
        try:
            jar = MpCookies.from_json(self._vault.decrypt(logout.jar))
            self._client.logout(jar, logout.token)
        except (UnreadableSecretError, InvalidCookiesError):
            _log.error("wechat_logout_dropped", cookie=str(logout.id), why="SECRET_UNREADABLE")
            return True
        except MpError as error:
            is_last = logout.attempts >= MOST_ATTEMPTS
            event = "wechat_logout_dropped" if is_last else "wechat_logout_failed"
            _log.warning(event, cookie=str(logout.id), why=error.reason, attempts=logout.attempts)
            return is_last
        return True
