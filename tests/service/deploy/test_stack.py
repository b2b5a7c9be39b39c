"""The stack as a library: several side by side, more than one replica, single processes killed and restarted."""

import os
import secrets
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import requests

from deploy.local.errors import LocalStackError
from deploy.local.readiness import await_serving
from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack
from tests.support.waiting import wait_until

PASSWORD = secrets.token_urlsafe(16)
pytestmark = pytest.mark.xdist_group("stack")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    settings = LocalSettings.side_by_side(
        tmp_path_factory.mktemp("stack"), admin_email="root@example.com", admin_password=PASSWORD
    )
    running = LocalStack(
        settings,
        replicas={"identity": 2, "wechat_cookie": 2},
        wechat_emulator=("--seed", "1"),
        environment={**os.environ, "DRAIN_SECONDS": "0"},
    )
    with running:
        yield running


def can_sign_in(stack: LocalStack) -> bool:
    login = {"email": "root@example.com", "password": PASSWORD}
    answer = requests.post(f"{stack.gateway_url}/auth/login", json=login, timeout=10)
    return answer.status_code == 200 and answer.json()["token_type"] == "bearer"


def test_every_replica_serves_on_ports_of_its_own(stack: LocalStack) -> None:
    assert set(stack.process_names()) == {
        "postgres",
        "identity",
        "identity-2",
        "activation",
        "wechat_cookie",
        "wechat_cookie-2",
        "notifications",
        "gateway",
        "wechat_emulator",
    }
    addresses = [
        address
        for service in ("identity", "activation", "wechat_cookie", "notifications")
        for kind in ("PORT", "OPS_PORT", "METRICS_PORT")
        for address in stack.addresses(service, kind)
    ]
    assert len(addresses) == len(set(addresses)) == 18
    operator = stack.tls_files("ops")
    for name, address in zip(
        ("identity", "identity-2"), stack.addresses("identity", "OPS_PORT"), strict=True
    ):
        await_serving(stack.process(name), "identity", address, operator)


def test_the_first_admin_can_sign_in(stack: LocalStack) -> None:
    assert stack.first_admin is not None
    assert stack.first_admin.email == "root@example.com"
    assert PASSWORD not in repr(stack.first_admin)
    assert can_sign_in(stack)


def test_the_emulator_answers_with_a_certificate_of_its_own_authority(stack: LocalStack) -> None:
    emulator = stack.wechat_emulator
    assert emulator is not None
    assert requests.get(emulator.base_url, verify=str(emulator.ca_file), timeout=10).ok
    assert emulator.control_token not in repr(emulator)


@pytest.mark.parametrize("name", ["identity-2", "postgres", "gateway"])
def test_a_killed_process_is_noticed_and_serves_again_after_a_restart(stack: LocalStack, name: str) -> None:
    before = stack.process(name).pid
    assert stack.dead() == []
    stack.process(name).kill()
    assert [dead.name for dead in stack.dead()] == [name]
    stack.restart(name)
    assert stack.process(name).pid != before
    assert stack.dead() == []
    # The services and the gateway come back by themselves when what they lost is there again.
    wait_until(partial(can_sign_in, stack), "sign-in works again")


def test_an_unknown_process_is_an_error(stack: LocalStack) -> None:
    with pytest.raises(KeyError):
        stack.process("mainframe")


def test_the_services_databases_are_their_own(stack: LocalStack) -> None:
    services = ("identity", "activation", "wechat_cookie", "notifications")
    urls = [stack.database_url(service) for service in services]
    assert len(set(urls)) == 4


def test_a_stack_that_was_not_started_says_so(tmp_path: Path) -> None:
    idle = LocalStack(LocalSettings.side_by_side(tmp_path))
    with pytest.raises(LocalStackError, match="has not been started"):
        idle.process("identity")
    idle.stop()
