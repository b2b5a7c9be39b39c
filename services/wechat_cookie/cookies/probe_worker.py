"""A background loop that opens the home pages of sessions of which nothing was heard for long."""

import datetime
from collections.abc import Callable
from typing import Protocol

import structlog

from services.chassis.background_loop import BackgroundLoop
from services.chassis.postgres.database import Database
from services.chassis.vault import UnreadableSecretError, Vault
from services.wechat_cookie.cookies import health, probing
from services.wechat_cookie.cookies.health import HealthReason
from services.wechat_cookie.cookies.probing import Probe
from services.wechat_cookie.mp.cookies import InvalidCookiesError, MpCookies
from services.wechat_cookie.mp.errors import MpError, SessionInvalidError
from services.wechat_cookie.mp.results import Profile

_log = structlog.get_logger(__name__)

IDLE_SECONDS = 60.0


class ProfileClient(Protocol):
    """The call of MpClient that is made here."""

    def fetch_profile(self, cookies: MpCookies, token: str) -> Profile:
        """See MpClient."""
        ...


class ProbeWorker:
    """Probes cookies, one after the other. Several replicas may run one each.

    A home page that says that the login has ended is the only thing that makes a cookie dead here.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        client: ProfileClient,
        period: datetime.timedelta,
        now: Callable[[], datetime.datetime],
    ) -> None:
        """`period` is the time without news after which a cookie is probed."""
        self._database = database
        self._vault = vault
        self._client = client
        self._period = period
        self._now = now
        self._loop = BackgroundLoop("cookie-probes", self.run_due, IDLE_SECONDS)

    def start(self) -> None:
        """Starts the thread, which begins with due probes."""
        self._loop.start()

    def stop(self) -> None:
        """Ends the thread after the running exchange."""
        self._loop.stop()

    def run_due(self) -> None:
        """Makes all probes that are due."""
        while not self._loop.is_stopping:
            with self._database.transaction() as connection:
                probe = probing.claim(connection, self._period, self._now())
            if probe is None:
                return
            self._make(probe)

    def _make(self, probe: Probe) -> None:
        try:
            jar = MpCookies.from_json(self._vault.decrypt(probe.jar))
            self._client.fetch_profile(jar, probe.token)
        except SessionInvalidError:
            with self._database.transaction() as connection:
                reason = HealthReason.HOME_PAGE_LOGGED_OUT
                health.ended(connection, probe.owner_id, probe.cookie_id, reason, self._now())
            _log.info("cookie_found_dead", cookie=str(probe.cookie_id))
        except MpError as error:
            _log.info("probe_failed", cookie=str(probe.cookie_id), reason=error.reason, part=error.part)
        except (UnreadableSecretError, InvalidCookiesError):
            _log.error("probe_failed", cookie=str(probe.cookie_id), reason="SECRET_UNREADABLE")
        else:
            with self._database.reading() as connection:
                health.heard_alive(connection, probe.cookie_id, self._now())
