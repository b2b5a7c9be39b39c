"""Creates what processes logins in one replica: the poller, the event hub, upkeep, and the rules of the RPCs."""

import datetime
import secrets
import uuid
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from services.chassis.postgres.database import Database
from services.chassis.vault import Vault
from services.wechat_cookie.logins.account_logins import AccountLogins
from services.wechat_cookie.logins.rules.state import LoginLimits
from services.wechat_cookie.logins.store.retention import LoginRetention
from services.wechat_cookie.logins.store.rows import LoginRows
from services.wechat_cookie.logins.store.starts import LoginStarts
from services.wechat_cookie.logins.streams.hub import EventHub
from services.wechat_cookie.logins.streams.watching import EventReader
from services.wechat_cookie.logins.work.access_keeper import AccessKeeper, Principals
from services.wechat_cookie.logins.work.exchanges import Exchanges
from services.wechat_cookie.logins.work.metrics import LoginMeasures
from services.wechat_cookie.logins.work.poller import STOP_SECONDS, LoginPoller
from services.wechat_cookie.logins.work.qr_reading import read_qr
from services.wechat_cookie.logins.work.running_logins import running_logins
from services.wechat_cookie.logins.work.threads import LoginThreads
from services.wechat_cookie.logins.work.upkeep import LoginUpkeep
from services.wechat_cookie.mp.client import MpClient


class LoginEngine:
    """The parts. `account_logins` is for the RPCs, `retention.end_logins_of` for the deletion of an account."""

    def __init__(
        self,
        database: Database,
        database_url: str,
        vault: Vault,
        client: MpClient,
        limits: LoginLimits,
        threads: LoginThreads,
        now: Callable[[], datetime.datetime],
        registry: CollectorRegistry,
        principals: Principals,
    ) -> None:
        """`principals` returns accounts of Identity by id.

        `client` should keep as many connections as `threads` has for polls and other steps together.
        """
        measures = LoginMeasures(registry)
        rows = LoginRows(vault, uuid.uuid4)
        self._hub = EventHub(database_url, threads.beat_seconds)
        self._poller = LoginPoller(
            database,
            rows,
            Exchanges(client, read_qr),
            limits,
            now,
            measures,
            principals,
            poll_threads=threads.polls,
            act_threads=threads.acts,
        )
        self.retention = LoginRetention(rows, limits, now)
        self.access = AccessKeeper(database, self.retention, self._hub, principals, now, measures)
        starts = LoginStarts(database, limits, client.egress, now)
        self._upkeep = LoginUpkeep(
            database,
            self.retention,
            self._hub,
            measures,
            starts,
            # Closes idle connections, as there may be no login for hours.
            client.close,
            threads.sweep_seconds,
        )
        self._running_logins = running_logins(database, registry)
        self.account_logins = AccountLogins(
            database,
            rows,
            self._hub,
            EventReader(database, now, threads.heartbeat_seconds),
            limits,
            starts,
            now,
            lambda: secrets.token_hex(16),
            self._poller.nudge,
            self.access.account_changed,
            measures,
        )

    def start(self) -> None:
        """Starts all threads."""
        self._hub.start()
        self._poller.start()
        self._upkeep.start()
        self.access.start()
        self._running_logins.start()

    def end_streams(self) -> None:
        """Ends every stream of this replica, so that clients reconnect to another one. Idempotent."""
        self._hub.stop()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ends the streams and the threads; other replicas continue the logins.

        An exchange with WeChat that takes longer
        than `seconds` is abandoned."""
        self._poller.stop(seconds)
        self._running_logins.stop()
        self.access.stop()
        self._upkeep.stop()
        self._hub.stop()
