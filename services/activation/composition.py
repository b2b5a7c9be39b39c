"""Creates a replica of Activation from its settings."""

import datetime
import secrets
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from fastmp.activation.v1 import activation_service_pb2 as pb
from fastmp.activation.v1 import activation_service_pb2_grpc as pb_grpc
from services.activation.account_deletion import AccountDeletion
from services.activation.api.servicer import ActivationServicer
from services.activation.codes import codes
from services.activation.codes.administration import CodeAdministration
from services.activation.codes.batch_administration import BatchAdministration
from services.activation.codes.export import Exports
from services.activation.codes.names import ids_named
from services.activation.codes.overview import Overviews
from services.activation.codes.stock import StockWatch
from services.activation.redeeming.code_deletion import CodeDeletion
from services.activation.redeeming.entitlements import Entitlements, tasks
from services.activation.redeeming.guessing import WINDOW, CodeGuessing, Limits
from services.activation.redeeming.preview import Previews
from services.activation.redeeming.redemption import Redemption
from services.activation.settings import ActivationSettings
from services.activation.tables import attempts, audit, feed_cursor, outbox
from services.chassis.audit.actors import emails_from
from services.chassis.audit.auditing import Auditing
from services.chassis.errors import DomainError
from services.chassis.grpc_server.server import Listen, Pool, Server
from services.chassis.housekeeping import Housekeeping
from services.chassis.identity.client import IdentityClient, identity_channel
from services.chassis.identity.feed_follower import AccountFeed, FeedCursor
from services.chassis.identity.feed_metrics import feed_metrics
from services.chassis.identity.principals import CachingAuthenticator
from services.chassis.jobs.metrics import queue_metrics, unfinished_jobs
from services.chassis.jobs.queue import Jobs
from services.chassis.lifecycle import Lifecycle
from services.chassis.outbox.outbox import Outbox, notifications_channel
from services.chassis.postgres.database import Database
from services.chassis.postgres.migrations import SchemaCheck
from services.chassis.postgres.pool_metrics import PoolMetrics
from services.chassis.throttling.attempts import Attempts

PACKAGE = "services.activation"


class Activation:
    """A replica. It starts also without its database and without Identity."""

    def __init__(self, settings: ActivationSettings, now: Callable[[], datetime.datetime]) -> None:
        """Binds the ports. Raises the same errors as Server."""
        url, direct = settings.activation_database_url, settings.activation_direct_database_url
        self._database = Database(
            url, settings.database_pool_size, "fastmp-activation", pooled=direct is not None
        )
        self._schema = SchemaCheck(PACKAGE)
        self._identity = identity_channel(settings.identity_address, settings.tls_files)
        identity = IdentityClient(self._identity)
        authenticator = CachingAuthenticator(identity.authenticate, now)
        emails = emails_from(identity)
        self._audit = Auditing(self._database, audit, settings, now, emails, ids_named)
        deletion = AccountDeletion(self._audit.log)
        cursor = FeedCursor(self._database, feed_cursor, deletion.delete, codes.redeeming_accounts)
        self._feed = AccountFeed(self._identity, authenticator, cursor)
        entitlements = Entitlements(self._identity, self._database, self._audit.log, now)
        self._jobs = Jobs(direct or url, tasks(entitlements, self._database))
        self._notifications = notifications_channel(settings.notifications_address, settings.tls_files)
        self.outbox = Outbox(self._database, outbox, self._notifications)
        self.stock = StockWatch(self._database, self.outbox, settings.low_stock_codes, now)
        wrong_codes = Attempts(self._database, attempts, WINDOW, now)
        limits = Limits(settings.activation_limit_per_account, settings.activation_limit_per_address)
        guessing = CodeGuessing(wrong_codes, limits)
        self._housekeeping = Housekeeping({"activation_attempts": wrong_codes.purge})
        registry = CollectorRegistry()
        PoolMetrics({"calls": self._database}, registry)
        feed_metrics(lambda: self._feed.lag_seconds, lambda: self._feed.sequence, registry)
        self._job_metrics = queue_metrics("jobs", self._database, unfinished_jobs, registry)
        self.server = Server(
            service=pb.DESCRIPTOR.services_by_name["ActivationService"],
            listen=Listen(
                settings.listen_host,
                settings.activation_port,
                settings.activation_ops_port,
                settings.activation_metrics_port,
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
        self.server.add(
            pb_grpc.add_ActivationServiceServicer_to_server,
            ActivationServicer(
                administration=CodeAdministration(
                    database=self._database,
                    exports=Exports(self._database, byte_order_mark=settings.csv_byte_order_mark),
                    audit=self._audit.log,
                    now=now,
                    random_bytes=secrets.token_bytes,
                ),
                batches=BatchAdministration(self._database, self._audit.log, now, emails),
                overviews=Overviews(self._database, now),
                redemption=Redemption(
                    self._database, self._jobs, guessing, entitlements, self._audit.log, now
                ),
                previews=Previews(self._database, guessing, now),
                deletion=CodeDeletion(self._database, self._jobs, entitlements, self._audit.log),
                audit_reader=self._audit.reader,
                now=now,
                stall_seconds=settings.export_stall_seconds,
            ),
        )

        self.lifecycle = Lifecycle(
            self.server,
            (
                self._audit,
                self._housekeeping,
                self._jobs,
                self.outbox,
                self.stock,
                self._feed,
                self._job_metrics,
            ),
            (self._identity.close, self._notifications.close, self._database.dispose),
        )

    def _is_ready(self) -> bool:
        # Identity has its own health check: without it this service still answers some calls. Directly after the
        # start it answers none, because no account is cached.
        try:
            with self._database.direct() as connection:
                return self._schema.is_met_by(connection) and self._feed.was_awaited
        except DomainError:
            return False
