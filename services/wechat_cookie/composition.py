"""Creates a replica of WeChatCookie from its settings."""

import datetime
import functools
import random
import time
import uuid
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as pb_grpc
from services.chassis.audit.actors import emails_from
from services.chassis.audit.auditing import Auditing
from services.chassis.errors import DomainError
from services.chassis.grpc_server.server import Listen, Pool, Server
from services.chassis.identity.client import IdentityClient, identity_channel
from services.chassis.identity.feed_follower import AccountFeed, FeedCursor
from services.chassis.identity.feed_metrics import feed_metrics
from services.chassis.identity.principals import CachingAuthenticator
from services.chassis.jobs.metrics import queue_metrics
from services.chassis.lifecycle import Lifecycle
from services.chassis.postgres.database import Database
from services.chassis.postgres.migrations import SchemaCheck
from services.chassis.postgres.notifications import Listener
from services.chassis.postgres.pool_metrics import PoolMetrics
from services.chassis.throttling.attempts import Attempts
from services.wechat_cookie.account_deletion import AccountDeletion
from services.wechat_cookie.api import WeChatCookieServicer
from services.wechat_cookie.api.cookies import CookieParts
from services.wechat_cookie.api.data_calls import DATA_CALL_PATHS
from services.wechat_cookie.api.logins import WAITING_PATHS, LoginParts
from services.wechat_cookie.audit_tables import audit
from services.wechat_cookie.cookies import owners, pending_logouts
from services.wechat_cookie.cookies.handing_out import HandingOut
from services.wechat_cookie.cookies.logout_worker import LogoutWorker
from services.wechat_cookie.cookies.metrics import cookie_metrics
from services.wechat_cookie.cookies.own_cookies import WINDOW, OwnCookies
from services.wechat_cookie.cookies.probe_worker import ProbeWorker
from services.wechat_cookie.cookies.reading import ids_named
from services.wechat_cookie.cookies.sweeper import Sweeper
from services.wechat_cookie.cookies.tables import feed_cursor
from services.wechat_cookie.data_calls.calling import DataCalls
from services.wechat_cookie.exported.directory import ExportDirectory
from services.wechat_cookie.exported.folders import Folders
from services.wechat_cookie.exported.keeper import FolderKeeper
from services.wechat_cookie.logins.engine import LoginEngine
from services.wechat_cookie.logins.store.tables import login_starts
from services.wechat_cookie.mp.client import MpClient
from services.wechat_cookie.settings import WeChatCookieSettings

PACKAGE = "services.wechat_cookie"
# The time in which a lost LISTEN connection is detected, and the time that stopping may take.
BEAT_SECONDS = 1.0
# Short, because saving a session keeps a transaction open during this call to Identity.
ACCESS_CHECK_SECONDS = 2.0


class WeChatCookie:
    """One replica with all its parts. `lifecycle` starts and stops them in the right order.

    It can start without its database and Identity. It is ready while it reaches its database, after it has received
    Identity's feed or the wait for it has timed out.
    """

    def __init__(self, settings: WeChatCookieSettings, now: Callable[[], datetime.datetime]) -> None:
        """Creates the parts and binds the ports.

        Raises the same exceptions as Server, and OSError if the state directory cannot be written.
        """
        url, direct = settings.wechat_cookie_database_url, settings.wechat_cookie_direct_database_url
        pooled = direct is not None
        vault = settings.vault
        self._schema = SchemaCheck(PACKAGE)
        self._database = Database(url, settings.database_pool_size, "fastmp-wechat-cookie", pooled=pooled)
        # A separate pool, so that polls which are due together do not delay calls.
        self._login_database = Database(url, settings.login_pool_size, "fastmp-logins", pooled=pooled)
        self._identity = identity_channel(settings.identity_address, settings.tls_files)
        identity = IdentityClient(self._identity)
        authenticator = CachingAuthenticator(identity.authenticate, now)
        folders = Folders(self._database, vault, ExportDirectory(settings.export_root), now)
        self._keeper = FolderKeeper(folders)
        self._listener = Listener(
            direct or url,
            {owners.CHANNEL: self._cookie_changed},
            self._keeper.set_connected,
            BEAT_SECONDS,
            name="listener-cookies",
        )
        self._sweeper = Sweeper(self._database, now)
        self._audit = Auditing(self._database, audit, settings, now, emails_from(identity), ids_named)
        registry = CollectorRegistry()
        self._client = MpClient(settings.mp, time.time, random.SystemRandom(), registry)
        self._logouts = LogoutWorker(self._database, vault, self._client)
        self._probes = ProbeWorker(self._database, vault, self._client, settings.probe_period, now)
        self._logins = LoginEngine(
            self._login_database,
            direct or url,
            vault,
            self._client,
            settings.login_limits,
            settings.login_threads,
            now,
            registry,
            functools.partial(identity.principals, most_seconds=ACCESS_CHECK_SECONDS),
        )
        deletion = AccountDeletion(self._logins.retention, self._audit.log, now)
        cursor = FeedCursor(self._database, feed_cursor, deletion.delete, deletion.known_accounts)
        self._feed = AccountFeed(
            self._identity,
            authenticator,
            cursor,
            self._logins.access.account_changed,
            self._logins.access.changes_missed,
        )
        PoolMetrics({"calls": self._database, "logins": self._login_database}, registry)
        feed_metrics(lambda: self._feed.lag_seconds, lambda: self._feed.sequence, registry)
        self._cookie_metrics = cookie_metrics(self._database, now, registry)
        self._logout_metrics = queue_metrics(
            "wechat-logouts", self._database, pending_logouts.waiting, registry
        )
        self.server = Server(
            service=pb.DESCRIPTOR.services_by_name["WeChatCookieService"],
            listen=Listen(
                settings.listen_host,
                settings.wechat_cookie_port,
                settings.wechat_cookie_ops_port,
                settings.wechat_cookie_metrics_port,
            ),
            tls=settings.tls_files,
            authenticator=authenticator,
            now=now,
            ready=self.is_ready,
            pool=Pool(
                settings.unary_threads,
                settings.max_streams,
                WAITING_PATHS | DATA_CALL_PATHS,
                streams_per_account=settings.max_streams_per_account,
            ),
            registry=registry,
        )
        handing_out = HandingOut(self._database, vault, identity, self._audit.log, now, uuid.uuid4)
        data_calls = DataCalls(
            self._database,
            vault,
            identity,
            self._client,
            settings.budget_limits,
            now,
            random.SystemRandom(),
        )
        # In the table of login starts, whose window is the same and which LoginUpkeep purges.
        changes = Attempts(self._database, login_starts, WINDOW, now)
        own_cookies = OwnCookies(
            self._database, self._audit.log, changes, settings.cookie_change_limit_per_account, now
        )
        self.server.add(
            pb_grpc.add_WeChatCookieServiceServicer_to_server,
            WeChatCookieServicer(
                LoginParts(self._logins.account_logins, now),
                CookieParts(self._database, folders, handing_out, own_cookies, now),
                data_calls,
                self._audit.reader,
            ),
        )
        self.server.ends_streams_by(self._logins.end_streams)
        self.lifecycle = Lifecycle(
            self.server,
            (
                self._audit,
                self._listener,
                self._keeper,
                self._sweeper,
                self._feed,
                self._logins,
                self._logouts,
                self._cookie_metrics,
                self._logout_metrics,
                self._probes,
            ),
            (
                self._client.close,
                self._identity.close,
                self._login_database.dispose,
                self._database.dispose,
            ),
        )

    def _cookie_changed(self, token: str) -> None:
        self._keeper.notice(token)
        self._logouts.wake()

    def is_ready(self) -> bool:
        """Whether the database can be reached and has the schema, and the wait for Identity has ended."""
        # Later outages of Identity do not matter, because calls that do not need it can still be answered. But a
        # service that has just started has no cached accounts, and would refuse the first calls.
        try:
            with self._database.direct() as connection:
                return self._schema.is_met_by(connection) and self._feed.was_awaited
        except DomainError:
            return False
