"""Under a mixed load the primary is killed, stopped and cut off: writable within 30 s, and nothing is lost."""

import json
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.proofs.chaos.run import Chaos, chaos
from tests.proofs.chaos.schedule import REPLICAS
from tests.proofs.failover.cluster import Fault, PatroniCluster
from tests.support.debian_programs import MissingProgramError
from tests.support.gateway_calls import Answer, GatewayCaller
from tests.support.postgres import cluster_folder

WRITABLE_SECONDS = 30.0
MEMBERS = 4
# The most of each service.
PROBES = 100
SERVICES = ("identity", "activation", "wechat_cookie")
# What callers must not see, as a service logs it.
FAULTS = {"INTERNAL", "UNKNOWN", "DEADLINE_EXCEEDED", "DATA_LOSS", "CANCELLED"}
UNAVAILABLE = 503
FIRST_SERVER_ERROR = 500


@pytest.fixture
def cluster() -> Iterator[PatroniCluster]:
    with cluster_folder() as folder:
        try:
            cluster = PatroniCluster(folder)
        except MissingProgramError as error:
            pytest.skip(str(error))
        with cluster:
            yield cluster


@pytest.mark.timeout(900)
def test_the_services_survive_the_loss_of_their_primary(cluster: PatroniCluster, tmp_path: Path) -> None:
    with chaos(tmp_path / "state", REPLICAS, cluster=cluster) as running:
        seconds: list[float] = []
        with running.load(seed=1, members=MEMBERS):
            for fault in Fault:
                seconds.append(_seconds_without_writes(running, cluster, fault))
                cluster.wait_until_redundant()
        assert max(seconds) < WRITABLE_SECONDS
        running.rest(print)
        assert running.check() == []
        assert _statuses(running) <= {UNAVAILABLE}
        assert _refusals(running) & FAULTS == set()
        assert "fault" not in _events(running)
        assert not FAULTS & running.record.grpc_codes.keys()


def _seconds_without_writes(running: Chaos, cluster: PatroniCluster, fault: Fault) -> float:
    """Returns the seconds from the loss of the primary until each service has acknowledged a write."""
    # One for each probe, because a logout ends all tokens of the account.
    accounts = iter(running.accounts.make(PROBES))
    # The same for all probes, so that they make one batch of codes, which is known once one is answered.
    batch = secrets.token_hex(8)
    began = time.monotonic()
    with cluster.without_primary(fault) as lost, ThreadPoolExecutor(3 * PROBES) as pool:
        written: dict[str, float] = {}

        def probe(service: str, token: str) -> None:
            with GatewayCaller(running.stack.gateway_url, token) as caller:
                answer = WRITES[service](caller, batch)
            for code in answer.body.get("codes", ()):
                running.record.add_codes([str(code["activation_code"])])
            assert answer.ok or answer.status == UNAVAILABLE, str(answer)
            if answer.ok:
                written.setdefault(service, time.monotonic() - began)

        probes: list[Future[None]] = []
        # A caller each second, since one that is waiting for the lost primary learns nothing for a while.
        while len(written) < len(WRITES) and time.monotonic() < began + 3 * WRITABLE_SECONDS:
            for service in WRITES:
                token = next(accounts).token if service == "identity" else running.admin_token
                probes.append(pool.submit(probe, service, token))
            time.sleep(1)
        for one in probes:
            one.result()
        print(f"{fault}: written again after", {service: round(when, 1) for service, when in written.items()})
        assert written.keys() == WRITES.keys()
        assert cluster.primary() != lost
    return max(written.values())


def _generate(caller: GatewayCaller, batch: str) -> Answer:
    return caller.post("/activation/generate", valid_days=1, count=1, request_id=batch)


def _log_out(caller: GatewayCaller, _batch: str) -> Answer:
    # Unlike registering and signing in, this hashes no password, which takes long on a busy machine.
    return caller.post("/auth/logout")


def _start_login(caller: GatewayCaller, _batch: str) -> Answer:
    return caller.get("/cookie/get")


WRITES = {"activation": _generate, "identity": _log_out, "wechat_cookie": _start_login}


def _lines(running: Chaos, program: str) -> Iterator[dict[str, object]]:
    log = running.stack.state_directory / "logs" / f"{program}.log"
    for line in log.read_text().splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def _statuses(running: Chaos) -> set[int]:
    """The server errors that the gateway answered with."""
    statuses = Counter(line.get("status") for line in _lines(running, "gateway"))
    print(f"answers of the gateway by status: {dict(statuses)}")
    assert statuses[UNAVAILABLE], "no caller noticed anything"
    return {status for status in statuses if isinstance(status, int) and status >= FIRST_SERVER_ERROR}


def _refusals(running: Chaos) -> set[object]:
    """The codes with which the services refused calls."""
    return {line["code"] for line in _service_lines(running) if line.get("event") == "refused"}


def _events(running: Chaos) -> set[object]:
    return {line.get("event") for line in _service_lines(running)}


def _service_lines(running: Chaos) -> Iterator[dict[str, object]]:
    for service in SERVICES:
        for replica in (service, f"{service}-2"):
            yield from _lines(running, replica)
