"""Point-in-time recovery of each database to another second of a load: after reconciling, every invariant holds."""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import namedtuple_row

from deploy.local.kept_secrets import read_kept
from deploy.local.postgres import PostgresServer
from deploy.local.state_directory import StateDirectory
from deploy.local.topology import SERVICES
from services.chassis.clock import utc_now
from services.reconcile.__main__ import reconcile
from services.reconcile.settings import ReconcileSettings
from tests.proofs.chaos.invariants import Violation, violations
from tests.proofs.chaos.observation import observe
from tests.proofs.chaos.record import Outcome, Record
from tests.proofs.chaos.run import Chaos, chaos
from tests.proofs.restored.clusters import Archive
from tests.proofs.restored.promises import snapshot, still_certain
from tests.support.waiting import wait_until

SEED = 12
MOMENTS = 3
# What is acknowledged before the record is copied, and from there to each moment to which databases are restored.
PROGRESS = {"activate": 6, "delete account": 1, "delete code": 1, "login: scan and confirm": 1}
PROGRESS_SECONDS = 90
# Without Identity, codes are redeemed that are applied later.
KILLED_SECONDS = 1.0
# Those that only one database is in are broken by no restore.
ACROSS_DATABASES = {"code-and-account-agree", "nothing-of-deleted-accounts", "acknowledged-codes-are-there"}

pytestmark = [pytest.mark.xdist_group("restored"), pytest.mark.timeout(420)]


@dataclass(frozen=True)
class Recovered:
    """A cluster for each moment, the state directory of the stack, and what callers knew for certain."""

    archive: Archive
    clusters: list[PostgresServer]
    state: Path
    certain: Record

    def urls(self, shift: int) -> Mapping[str, str]:
        """The services' databases, each of another moment; those of another shift are others."""
        return {
            service: self.archive.url(self.clusters[(number + shift) % len(self.clusters)], service)
            for number, service in enumerate(SERVICES)
        }

    def violations(self, urls: Mapping[str, str]) -> list[Violation]:
        with contextlib.ExitStack() as held:
            databases = {
                service: held.enter_context(
                    psycopg.connect(url, application_name="chaos-checker", row_factory=namedtuple_row)
                )
                for service, url in urls.items()
            }
            return violations(observe(databases, self.state / "static"), self.certain)


def progress(running: Chaos) -> None:
    """Returns when callers have got PROGRESS acknowledged since now."""
    calls = running.record.calls
    start = {call: calls[call, Outcome.YES] for call in PROGRESS}
    wait_until(
        lambda: all(calls[call, Outcome.YES] >= start[call] + more for call, more in PROGRESS.items()),
        "the load goes on",
        PROGRESS_SECONDS,
    )


@pytest.fixture(scope="module")
def recovered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recovered]:
    folder = tmp_path_factory.mktemp("restored")
    archive, state = Archive(folder), folder / "state"
    with archive.recorded() as server:
        urls = {f"{service}_database_url": archive.url(server, service) for service in SERVICES}
        with chaos(state, {}, databases=urls) as running:
            archive.back_up(server)
            with running.load(SEED):
                progress(running)
                before = snapshot(running.record)
                moments = []
                for _ in range(MOMENTS):
                    progress(running)
                    moments.append(utc_now())
                    running.stack.process("identity").kill()
                    threading.Event().wait(KILLED_SECONDS)
                    running.stack.restart("identity")
                # Recovery ends at the first commit after its target.
                progress(running)
            after = running.record
    with contextlib.ExitStack() as held:
        clusters = [
            held.enter_context(archive.recovered(f"moment-{number}", moment))
            for number, moment in enumerate(moments)
        ]
        yield Recovered(archive, clusters, state, still_certain(before, after))


@pytest.mark.parametrize("shift", range(MOMENTS))
def test_databases_of_three_different_seconds_are_made_to_agree(recovered: Recovered, shift: int) -> None:
    urls = recovered.urls(shift)
    kept = read_kept(StateDirectory.secrets_file_in(recovered.state))
    keys = {f"{service}_audit_key": kept.audit_key(service) for service in SERVICES}
    by_setting = {f"{service}_database_url": url for service, url in urls.items()}
    settings = ReconcileSettings.model_validate({**by_setting, **keys})
    broken = recovered.violations(urls)
    assert {one.invariant for one in broken} & ACROSS_DATABASES

    planned = reconcile(settings, applies=False, ends_tokens=True)

    assert recovered.violations(urls) == broken
    print(*planned.lines(), sep="\n")
    assert planned.total
    assert reconcile(settings, applies=True, ends_tokens=True).total == planned.total
    assert reconcile(settings, applies=True, ends_tokens=False).total == 0

    with chaos(recovered.state, {}, databases=by_setting) as running:
        running.rest(print)
        assert recovered.violations(urls) == []
        assert running.record.deaths == []
