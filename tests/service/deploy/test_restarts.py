"""`kill -9` of each process of `python -m deploy.local` under calls: restarted, until one has died too often."""

import contextlib
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import grpc
import psutil
import pytest
import requests

from deploy.local.certificates import tls_files
from deploy.local.ports import ReservedPort
from deploy.local.topology import SERVICES
from fastmp.identity.v1.identity_service_pb2 import GetMeRequest
from fastmp.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from services.chassis.channels import channel
from tests.gateway.error_shape import assert_error
from tests.service.deploy.test_lifecycle import START_SECONDS, Run, environment, is_gone, running
from tests.support.direct_calls import bearer
from tests.support.waiting import wait_until

EMAIL, PASSWORD = "root@example.com", "a password of the tests"
NO_CONNECTION = "no connection"
PAUSE_SECONDS = 0.02
# Calls in a row that succeed again.
ENOUGH = 20

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("lifecycle")]


class Calls:
    """Calls of every service, repeated on threads; `failures` counts how they failed.

    A call returns how it failed, or None. "UNAVAILABLE" stands for the whole error in the shape of the contract.
    """

    def __init__(self, calls: dict[str, Callable[[], str | None]]) -> None:
        self.failures: Counter[str] = Counter()
        self._in_a_row = dict.fromkeys(calls, 0)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._repeat, args=one) for one in calls.items()]

    def __enter__(self) -> "Calls":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_until_all_succeed(self) -> None:
        for name in self._in_a_row:
            self._in_a_row[name] = 0
        wait_until(lambda: min(self._in_a_row.values()) >= ENOUGH, "all calls succeed again", START_SECONDS)

    def _repeat(self, name: str, call: Callable[[], str | None]) -> None:
        while not self._stop.wait(PAUSE_SECONDS):
            failure = call()
            if failure is None:
                self._in_a_row[name] += 1
            else:
                self._in_a_row[name] = 0
                self.failures[failure] += 1


def call_gateway(url: str, token: str) -> str | None:
    try:
        answer = requests.get(url, headers={"authorization": f"Bearer {token}"}, timeout=30)
    except requests.ConnectionError:
        return NO_CONNECTION
    if answer.status_code == 200:
        return None
    try:
        reason = answer.json()["details"][0]["reason"]
        assert_error(answer, 503, grpc.StatusCode.UNAVAILABLE.value[0], reason)
    except (AssertionError, KeyError, ValueError) as error:
        return f"{answer.status_code} {answer.text} {error}"
    return "UNAVAILABLE"


def call_identity(stub: IdentityServiceStub, token: str) -> str | None:
    try:
        stub.GetMe(GetMeRequest(), metadata=bearer(token), timeout=30)
    except grpc.RpcError as error:
        return str(error.code().name)
    return None


@contextlib.contextmanager
def calls_of_each_service(run: Run, state: Path, identity_port: int) -> Iterator[Calls]:
    login = {"email": EMAIL, "password": PASSWORD}
    signed_in = requests.post(f"{run.gateway_url}/auth/login", json=login, timeout=10)
    token = signed_in.json()["access_token"]
    paths = ("/auth/me", "/activation/list?size=1", "/cookie/list")
    calls = {path: partial(call_gateway, f"{run.gateway_url}{path}", token) for path in paths}
    operator = tls_files(state / "certificates", "ops")
    with channel(f"127.0.0.1:{identity_port}", "identity", operator) as connection:
        direct = partial(call_identity, IdentityServiceStub(connection), token)
        with Calls({**calls, "gRPC": direct}) as repeated:
            yield repeated


def kill(run: Run, name: str) -> None:
    """Kills the process and returns when another one is there."""
    killed = run.children()[name]
    killed.kill()
    wait_until(
        lambda: run.children().get(name, killed).pid != killed.pid, f"{name} is started again", START_SECONDS
    )


def test_every_process_is_restarted_and_callers_see_only_unavailable_until_then(tmp_path: Path) -> None:
    # The system chooses a free port, which the run then takes.
    reserved = ReservedPort.reserve()
    reserved.release()
    variables = environment(
        tmp_path, ADMIN_EMAIL=EMAIL, ADMIN_PASSWORD=PASSWORD, IDENTITY_PORT=str(reserved.number)
    )
    with running(variables) as run:
        with calls_of_each_service(run, tmp_path, reserved.number) as calls:
            calls.wait_until_all_succeed()
            assert calls.failures == {}
            for name in (*SERVICES, "postgres"):
                kill(run, name)
                calls.wait_until_all_succeed()
                assert calls.failures.keys() == {"UNAVAILABLE"}, name
                calls.failures.clear()
            kill(run, "gateway")
            calls.wait_until_all_succeed()
            assert calls.failures.keys() <= {NO_CONNECTION, "UNAVAILABLE"}
        assert run.children().keys() == {"postgres", "gateway", *SERVICES}
        status, _, errors = run.end(signal.SIGTERM)
    assert status == 0
    names = (*SERVICES, "postgres", "gateway")
    expected = [f"FastMP: {name} has ended (SIGKILL); it is restarted now" for name in names]
    assert errors.splitlines() == expected


@pytest.mark.parametrize("name", ["identity", "postgres"])
def test_after_five_deaths_within_a_minute_everything_is_stopped(tmp_path: Path, name: str) -> None:
    with running(environment(tmp_path)) as run:
        for _ in range(4):
            kill(run, name)
        everything = psutil.Process(run.process.pid).children(recursive=True)
        run.children()[name].kill()
        _, errors = run.process.communicate(timeout=START_SECONDS)
    assert run.process.returncode == 1
    *_, last = errors.splitlines()
    assert last == f"FastMP: {name} has ended (SIGKILL), for the 5th time within 60 s: everything is stopped"
    assert len(errors.splitlines()) == 5
    for one in everything:
        wait_until(partial(is_gone, one), f"{one} is gone")
