"""One run: load and disturbances, healing, and the check."""

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack
from tests.proofs.chaos.disturbing import Disturbances
from tests.proofs.chaos.healing import revive, wait_for_rest
from tests.proofs.chaos.invariants import Violation, violations
from tests.proofs.chaos.load.member import Member
from tests.proofs.chaos.load.running import Load
from tests.proofs.chaos.observation import observe, open_databases
from tests.proofs.chaos.record import Record
from tests.proofs.chaos.schedule import Disturbance
from tests.proofs.failover.cluster import PatroniCluster
from tests.support.gateway_calls import GatewayCaller
from tests.support.generous_limits import generous_environment
from tests.support.ready_accounts import ReadyAccounts
from tests.support.serving import wait_until_served

MEMBERS = 8
# Logins that are no longer watched end soon, but not while their watchers cannot reach a service.
ABANDONED_SECONDS = 20


@dataclass(frozen=True)
class Chaos:
    """A stack that may be disturbed, and what is known of it."""

    stack: LocalStack
    accounts: ReadyAccounts
    admin: GatewayCaller
    admin_token: str = field(repr=False)
    password: str = field(repr=False)
    record: Record = field(default_factory=Record)
    cluster: PatroniCluster | None = None

    def quiet(self, *, members: int) -> None:
        """Members who each do everything once, while nothing is disturbed."""
        with self._load(members, 0, Member.whole_life) as load:
            load.join_members()

    def disturbed(
        self, planned: list[Disturbance], *, seconds: float, seed: int, report: Callable[[str], None]
    ) -> None:
        """Runs the load for `seconds` while the disturbances happen, and makes those good again."""
        began = time.monotonic()
        with self.load(seed):
            self.record.deaths += Disturbances(self.stack, report, self.cluster).run(planned)
            threading.Event().wait(max(0.0, began + seconds - time.monotonic()))

    def load(self, seed: int, members: int = MEMBERS) -> Load:
        """The load as a context, until the block ends."""
        return self._load(members, seed)

    def rest(self, report: Callable[[str], None]) -> None:
        """Starts what died and waits until nothing is under way."""
        revive(self.stack, self.record)
        wait_for_rest(self.stack, self.admin, report)

    def check(self) -> list[Violation]:
        """Compares what is stored with the answers that callers got."""
        with open_databases(self.stack) as databases:
            return violations(observe(databases, self.stack.static_directory), self.record)

    def late_applications(self) -> int:
        """How many codes were applied after a code that their account had redeemed later."""
        with open_databases(self.stack) as databases:
            return len(observe(databases, self.stack.static_directory).rows["late_applications"])

    def _load(self, members: int, seed: int, live: Callable[[Member], None] | None = None) -> Load:
        return Load(
            self.stack,
            self.accounts,
            self.record,
            members=members,
            seed=seed,
            password=self.password,
            live=live,
        )


@contextlib.contextmanager
def chaos(
    state: Path,
    replicas: Mapping[str, int],
    abandoned_seconds: int = ABANDONED_SECONDS,
    cluster: PatroniCluster | None = None,
    databases: Mapping[str, str] | None = None,
) -> Iterator[Chaos]:
    """A running stack with its state in `state`, on the databases of `cluster` or of the settings `databases`."""
    jwt_secret, password = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    given = cluster.urls() if cluster is not None else databases or {}
    settings = LocalSettings.side_by_side(state, jwt_secret=jwt_secret, **given)
    environment = generous_environment(ABANDONED_SECONDS=str(abandoned_seconds))
    with LocalStack(settings, replicas=replicas, wechat_emulator=(), environment=environment) as stack:
        accounts = ReadyAccounts(stack.database_url("identity"), jwt_secret, password)
        [administrator] = accounts.make(1, role="admin")
        with GatewayCaller(stack.gateway_url, administrator.token) as admin:
            wait_until_served(admin)
            yield Chaos(stack, accounts, admin, administrator.token, password, cluster=cluster)
