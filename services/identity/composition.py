"""Creates a replica of Identity from its settings."""

import datetime
import secrets
import time
import uuid
from collections.abc import Callable
from functools import partial

from prometheus_client import CollectorRegistry

from fastmp.identity.v1 import identity_service_pb2 as pb
from fastmp.identity.v1 import identity_service_pb2_grpc as pb_grpc
from services.chassis import context as calls
from services.chassis.audit.auditing import Auditing
from services.chassis.errors import DomainError
from services.chassis.grpc_server.server import Listen, Pool, Server
from services.chassis.housekeeping import Housekeeping
from services.chassis.identity.feed_metrics import feed_metrics
from services.chassis.identity.principals import CachingAuthenticator
from services.chassis.lifecycle import Lifecycle
from services.chassis.postgres.database import Database
from services.chassis.postgres.migrations import SchemaCheck
from services.chassis.postgres.pool_metrics import PoolMetrics
from services.chassis.throttling.attempts import Attempts
from services.chassis.throttling.client_networks import caller_network
from services.identity.accounts import accounts, known_networks, overview, password_links
from services.identity.accounts.activations import Activations
from services.identity.accounts.administration import Administration
from services.identity.accounts.transactions import AccountTransactions
from services.identity.api.servicer import IdentityServicer
from services.identity.feed.reader import FeedReader
from services.identity.feed.retention import prune_feed
from services.identity.feed.watch import FeedWatches
from services.identity.passwords.hashing import HashingTurns, PasswordHasher, PasswordHashing
from services.identity.passwords.workers import HashingProcesses
from services.identity.settings import IdentitySettings
from services.identity.sign_in.authentication import TokenAuthentication
from services.identity.sign_in.enrolment import Enrolment
from services.identity.sign_in.password_reset import PasswordReset
from services.identity.sign_in.second_factor import SecondFactor
from services.identity.sign_in.sign_in import SignIn
from services.identity.sign_in.throttle import REGISTRATION_WINDOW, SIGN_IN_WINDOW, SignInThrottle
from services.identity.sign_in.tokens import Tokens
from services.identity.tables import attempts, audit

PACKAGE = "services.identity"
HASHING_PATHS = frozenset(
    f"/fastmp.identity.v1.IdentityService/{method}"
    for method in (
        "Register",
        "Login",
        "ChangePassword",
        "DisableTotp",
        "ResetPassword",
        "CreateUser",
        "UpdateUser",
    )
)


class Identity:
    """One replica with all its parts. `lifecycle` starts and stops them in the right order."""

    def __init__(self, settings: IdentitySettings, now: Callable[[], datetime.datetime]) -> None:
        """Creates the parts and binds the ports. Raises the same exceptions as Server."""
        url, direct = settings.identity_database_url, settings.identity_direct_database_url
        self._database = Database(
            url, settings.database_pool_size, "fastmp-identity", pooled=direct is not None
        )
        self._schema = SchemaCheck(PACKAGE)
        tokens = Tokens(
            settings.jwt_secret.get_secret_value(),
            datetime.timedelta(minutes=settings.access_token_expire_minutes),
        )
        authentication = TokenAuthentication(self._database, tokens, settings.require_admin_totp, now)
        second_factor = SecondFactor(settings.totp_vault)
        authenticator = CachingAuthenticator(authentication.authenticate, now)
        self.feed = FeedReader(direct or url, authenticator)
        sign_ins = Attempts(self._database, attempts, SIGN_IN_WINDOW, now)
        registrations = Attempts(self._database, attempts, REGISTRATION_WINDOW, now)
        throttle = SignInThrottle(sign_ins, registrations, settings)
        keep = datetime.timedelta(hours=settings.account_feed_keep_hours)
        self._housekeeping = Housekeeping(
            {
                "account_feed": partial(prune_feed, self._database, keep, now),
                "known_networks": partial(known_networks.prune, self._database, now),
                "overview_counts": partial(overview.prune, self._database, now),
                "password_links": partial(password_links.prune, self._database, now),
                # The window of registrations is longer than that of sign-ins.
                "sign_in_attempts": registrations.purge,
            }
        )
        registry = CollectorRegistry()
        PoolMetrics({"calls": self._database}, registry)
        feed_metrics(lambda: self.feed.lag_seconds, lambda: self.feed.sequence, registry)
        self._hashing_turns = HashingTurns(
            settings.hashing_threads,
            settings.hashing_queue,
            settings.hashing_queue_per_network,
            calls.remaining_time,
            registry,
        )
        self._hashing = HashingProcesses()
        hasher = PasswordHasher(self._hashing, secrets.token_bytes)
        passwords = PasswordHashing(self._hashing_turns, hasher, caller_network)
        emails = partial(accounts.emails_of, self._database)
        self._audit = Auditing(self._database, audit, settings, now, emails)
        transactions = AccountTransactions(self._database, now, self._audit.log, authenticator.drop)
        self.administration = Administration(self._database, transactions, passwords, now, uuid.uuid4)
        self.server = Server(
            service=pb.DESCRIPTOR.services_by_name["IdentityService"],
            listen=Listen(
                settings.listen_host,
                settings.identity_port,
                settings.identity_ops_port,
                settings.identity_metrics_port,
            ),
            tls=settings.tls_files,
            authenticator=authenticator,
            now=now,
            ready=self._is_ready,
            # A caller that waits for a hashing turn uses a thread, too.
            pool=Pool(
                settings.unary_threads,
                settings.max_streams,
                streams_per_account=settings.max_streams_per_account,
                queueing=HASHING_PATHS,
                queue=settings.hashing_threads + settings.hashing_queue,
            ),
            registry=registry,
        )
        self.server.add(
            pb_grpc.add_IdentityServiceServicer_to_server,
            IdentityServicer(
                database=self._database,
                activations=Activations(transactions),
                administration=self.administration,
                password_reset=PasswordReset(
                    self._database, transactions, passwords, throttle, settings.public_url or ""
                ),
                enrolment=Enrolment(self._database, transactions, passwords, throttle, second_factor),
                sign_in=SignIn(self._database, transactions, passwords, throttle, tokens, second_factor),
                throttle=throttle,
                authentication=authentication,
                watches=FeedWatches(self._database, self.feed, time.monotonic),
                audit_reader=self._audit.reader,
                now=now,
            ),
        )
        self.server.ends_streams_by(self.feed.close_watches)
        self.lifecycle = Lifecycle(
            self.server,
            (self._audit, self._housekeeping, self.feed),
            (self._hashing_turns.close, self._hashing.close, self._database.dispose),
        )

    def _is_ready(self) -> bool:
        try:
            with self._database.direct() as connection:
                return self._schema.is_met_by(connection) and self.feed.is_working
        except DomainError:
            return False
