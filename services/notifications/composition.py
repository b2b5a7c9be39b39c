"""Creates a replica of Notifications from its settings."""

import datetime
from collections.abc import Callable, Collection
from functools import partial
from uuid import UUID

from prometheus_client import CollectorRegistry
from sqlalchemy import Connection

from fastmp.notifications.v1 import notifications_service_pb2 as pb
from fastmp.notifications.v1 import notifications_service_pb2_grpc as pb_grpc
from services.chassis.audit.actors import emails_from
from services.chassis.audit.auditing import Auditing
from services.chassis.errors import DomainError
from services.chassis.grpc_server.server import Listen, Pool, Server
from services.chassis.housekeeping import Housekeeping
from services.chassis.identity.client import IdentityClient, identity_channel
from services.chassis.identity.feed_follower import AccountFeed, FeedCursor
from services.chassis.identity.feed_metrics import feed_metrics
from services.chassis.identity.principals import CachingAuthenticator
from services.chassis.lifecycle import Lifecycle
from services.chassis.name_resolution import Resolver
from services.chassis.postgres.database import Database
from services.chassis.postgres.migrations import SchemaCheck
from services.chassis.postgres.notifications import Listener
from services.chassis.postgres.pool_metrics import PoolMetrics
from services.chassis.throttling.attempts import Attempts
from services.notifications.account_deletion import AccountDeletion
from services.notifications.api.servicer import NotificationsServicer
from services.notifications.channels.administration import WINDOW, ChannelAdministration, Limits
from services.notifications.days.following import DaysFollower
from services.notifications.deliveries.worker import FAILING_WORKERS, WORKERS, Deliverer, Workers
from services.notifications.inbox import accounts, publishing
from services.notifications.inbox.inbox import Inbox
from services.notifications.retention import prune_accounts, prune_events
from services.notifications.sending.addresses import AllowedAddresses
from services.notifications.sending.exchange import Exchanges
from services.notifications.sending.mail import Mailer
from services.notifications.sending.sender import Sender
from services.notifications.settings import NotificationsSettings
from services.notifications.tables import attempts, audit, feed_cursor

PACKAGE = "services.notifications"
# The time in which a lost LISTEN connection is detected, and the time that stopping may take.
BEAT_SECONDS = 5.0
DELIVERY_POOL_SIZE = 10


class Notifications:
    """One replica with all its parts. `lifecycle` starts and stops them in the right order.

    It can start without its database and Identity. It is ready while it reaches its database, after it has received
    Identity's feed or the wait for it has timed out.
    """

    def __init__(self, settings: NotificationsSettings, now: Callable[[], datetime.datetime]) -> None:
        """Creates the parts and binds the ports. Raises the same exceptions as Server."""
        url, direct = settings.notifications_database_url, settings.notifications_direct_database_url
        pooled = direct is not None
        vault = settings.vault
        self._schema = SchemaCheck(PACKAGE)
        self._database = Database(url, settings.database_pool_size, "fastmp-notifications", pooled=pooled)
        # A separate pool, so that deliveries which are due together do not delay calls.
        self._delivery_database = Database(url, DELIVERY_POOL_SIZE, "fastmp-deliveries", pooled=pooled)
        self._identity = identity_channel(settings.identity_address, settings.tls_files)
        identity = IdentityClient(self._identity)
        authenticator = CachingAuthenticator(identity.authenticate, now)
        self._audit = Auditing(self._database, audit, settings, now, emails_from(identity))
        context = settings.tls_context
        allowed = AllowedAddresses(Resolver(), settings.notification_inner_networks)
        mailer = Mailer(settings.smtp_server, settings.smtp_from, context)
        sender = Sender(Exchanges(allowed, context, settings.proxy), mailer, now)
        changes = Attempts(self._database, attempts, WINDOW, now)
        deletion = AccountDeletion(self._audit.log, now)
        self.days = DaysFollower(self._delivery_database, identity, deletion.delete, now)
        self._days_loop = self.days.loop()
        cursor = FeedCursor(
            self._database,
            feed_cursor,
            deletion.delete,
            accounts.known,
            self._accounts_changed,
            self._feed_missed,
        )
        self._feed = AccountFeed(self._identity, authenticator, cursor)
        deliverer = Deliverer(self._delivery_database, vault, sender, identity, now)
        self.workers = [
            Workers(self._delivery_database, deliverer, now, failing=failing, threads=threads)
            for failing, threads in ((False, WORKERS), (True, FAILING_WORKERS))
        ]
        self._listener = Listener(
            direct or url,
            {publishing.CHANNEL: lambda _: self._wake_workers()},
            lambda is_connected: self._wake_workers() if is_connected else None,
            BEAT_SECONDS,
            name="listener-deliveries",
        )
        self._housekeeping = Housekeeping(
            {
                "channel_attempts": changes.purge,
                "deleted_accounts": partial(prune_accounts, self._database, now),
                "notifications": partial(
                    prune_events, self._database, datetime.timedelta(days=settings.notification_days), now
                ),
            }
        )
        registry = CollectorRegistry()
        PoolMetrics({"calls": self._database, "deliveries": self._delivery_database}, registry)
        feed_metrics(lambda: self._feed.lag_seconds, lambda: self._feed.sequence, registry)
        self.server = Server(
            service=pb.DESCRIPTOR.services_by_name["NotificationsService"],
            listen=Listen(
                settings.listen_host,
                settings.notifications_port,
                settings.notifications_ops_port,
                settings.notifications_metrics_port,
            ),
            tls=settings.tls_files,
            authenticator=authenticator,
            now=now,
            ready=self._is_ready,
            pool=Pool(
                settings.unary_threads,
                settings.max_streams,
                streams_per_account=settings.max_streams_per_account,
            ),
            registry=registry,
        )
        limits = Limits(
            settings.max_channels_per_account,
            settings.channel_change_limit_per_account,
            settings.channel_test_limit_per_account,
        )
        self.server.add(
            pb_grpc.add_NotificationsServiceServicer_to_server,
            NotificationsServicer(
                database=self._database,
                inbox=Inbox(self._database, now),
                channels=ChannelAdministration(
                    self._database, vault, sender, allowed, changes, limits, self._audit.log, now
                ),
                audit_reader=self._audit.reader,
                now=now,
            ),
        )
        self.lifecycle = Lifecycle(
            self.server,
            (
                self._audit,
                self._housekeeping,
                *self.workers,
                self._listener,
                self._days_loop,
                self._feed,
            ),
            (self._identity.close, self._delivery_database.dispose, self._database.dispose),
        )

    def _wake_workers(self) -> None:
        for workers in self.workers:
            workers.wake()

    def _accounts_changed(self, connection: Connection, account_ids: Collection[UUID], sequence: int) -> None:
        accounts.changed(connection, account_ids, sequence)
        # Possibly before the commit; the loop waits a moment before it looks.
        self._days_loop.wake()

    def _feed_missed(self, connection: Connection, sequence: int) -> None:
        for page in self.days.identity.all_principals():
            accounts.changed(connection, [UUID(one.account_id) for one in page], sequence)
        accounts.all_changed(connection, sequence)
        self._days_loop.wake()

    def _is_ready(self) -> bool:
        # As in the other services: Identity is awaited once, so that the first calls are not refused.
        try:
            with self._database.direct() as connection:
                return self._schema.is_met_by(connection) and self._feed.was_awaited
        except DomainError:
            return False
