"""The same tests on the tests' own Identity and on the real one: what Activation relies on is true of both."""

import datetime
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

import grpc
import pytest

from fastmp.identity.v1 import identity_service_pb2 as identity_pb
from services.activation.redeeming.entitlements import EntitlementRefusedError, Entitlements
from services.chassis.identity.client import IdentityClient, identity_channel
from services.chassis.identity.principals import Principal
from services.chassis.mutual_tls import TlsFiles
from tests.service.activation.replicas import UNKNOWN_CODE, Replica, refused, running
from tests.service.activation.scripted_identity import Account, RunningIdentity
from tests.service.identity import replicas as real
from tests.support.postgres import FreshDatabase
from tests.support.waiting import wait_until

UNTIL = datetime.datetime(2031, 2, 3, 4, 5, 6, 789_012, tzinfo=datetime.UTC)
LATER = UNTIL + datetime.timedelta(days=9)


class Port(Protocol):
    """An Identity, whichever it is."""

    address: str

    def add(self, role: str = "user") -> Account: ...

    def delete(self, account: Account) -> None: ...


class Scripted:
    def __init__(self, certificates: Mapping[str, TlsFiles], held: ExitStack) -> None:
        self._running = RunningIdentity(certificates["identity"])
        held.callback(self._running.down)
        self.address = self._running.address

    def add(self, role: str = "user") -> Account:
        return self._running.world.add(role)

    def delete(self, account: Account) -> None:
        self._running.world.delete(account.id)


@dataclass
class RealAccount(Account):
    token: str = ""

    @property
    def bearer(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.token}"),)


class Real:
    def __init__(self, url: str, certificates: Mapping[str, TlsFiles], held: ExitStack) -> None:
        running = real.running(url, certificates, real.Clock())
        self._identity, self._callers = held.enter_context(running)
        self.address = f"127.0.0.1:{self._identity.server.port}"
        self._identity.administration.create(real.ADMIN_EMAIL, real.ADMIN_PASSWORD, "admin")
        self._admin = real.sign_in(self._callers, "", real.ADMIN_EMAIL, real.ADMIN_PASSWORD)

    def add(self, role: str = "user") -> Account:
        email = f"{uuid.uuid4().hex[:12]}@example.com"
        made = real.sign_up(self._callers, email, role=role, by=self._admin)
        return RealAccount(uuid.UUID(made.id), email, role, token=made.token)

    def delete(self, account: Account) -> None:
        request = identity_pb.DeleteUserRequest(user_id=str(account.id))
        self._callers.gateway.DeleteUser(request, metadata=self._admin.bearer)


@pytest.fixture(params=["scripted", "real"])
def port(
    request: pytest.FixtureRequest, certificates: Mapping[str, TlsFiles], fresh_database: FreshDatabase
) -> Iterator[Port]:
    with ExitStack() as held:
        if request.param == "real":
            yield Real(fresh_database("identity"), certificates, held)
        else:
            yield Scripted(certificates, held)


@pytest.fixture
def channel(port: Port, certificates: Mapping[str, TlsFiles]) -> Iterator[grpc.Channel]:
    with identity_channel(port.address, certificates["activation"]) as channel:
        yield channel


@pytest.fixture
def entitlements(channel: grpc.Channel) -> Entitlements:
    return Entitlements(channel)


@pytest.fixture
def principal(channel: grpc.Channel) -> Callable[[Account], Principal | None]:
    """An account as Identity tells it."""
    return lambda account: IdentityClient(channel).principals([str(account.id)]).get(str(account.id))


def new_code() -> str:
    return uuid.uuid4().hex


def test_a_code_gives_its_days_once(
    port: Port, entitlements: Entitlements, principal: Callable[[Account], Principal]
) -> None:
    account, code = port.add(), new_code()

    first = entitlements.apply(account.id, code, UNTIL)
    repeated = entitlements.apply(account.id, code, LATER)

    assert (first.email, first.activation_status, first.expired_time) == (account.email, "active", UNTIL)
    assert repeated == first
    assert (principal(account).activation_status, principal(account).expired_time) == ("active", UNTIL)


def test_a_repeat_of_an_older_code_undoes_no_newer_one(
    port: Port, entitlements: Entitlements, principal: Callable[[Account], Principal]
) -> None:
    account, older, newer = port.add(), new_code(), new_code()
    first = entitlements.apply(account.id, older, UNTIL)
    entitlements.apply(account.id, newer, LATER)

    assert entitlements.apply(account.id, older, UNTIL) == first
    assert principal(account).expired_time == LATER


def test_clearing_takes_back_what_the_code_gave_and_may_be_repeated(
    port: Port, entitlements: Entitlements, principal: Callable[[Account], Principal]
) -> None:
    account, code = port.add(), new_code()
    entitlements.apply(account.id, code, UNTIL)

    entitlements.clear(code)
    entitlements.clear(code)

    assert (principal(account).activation_status, principal(account).expired_time) == ("pending", None)
    assert reason(lambda: entitlements.apply(account.id, code, UNTIL)) == "ACTIVATION_CLEARED"


def test_clearing_an_older_code_leaves_the_newer_one(
    port: Port, entitlements: Entitlements, principal: Callable[[Account], Principal]
) -> None:
    account, older, newer = port.add(), new_code(), new_code()
    entitlements.apply(account.id, older, UNTIL)
    entitlements.apply(account.id, newer, LATER)

    entitlements.clear(older)

    assert (principal(account).activation_status, principal(account).expired_time) == ("active", LATER)


def test_a_code_that_was_cleared_before_it_arrived_is_refused(port: Port, entitlements: Entitlements) -> None:
    account, code = port.add(), new_code()
    entitlements.clear(code)

    assert reason(lambda: entitlements.apply(account.id, code, UNTIL)) == "ACTIVATION_CLEARED"


def test_the_code_of_one_account_is_refused_to_another(port: Port, entitlements: Entitlements) -> None:
    first, second, code = port.add(), port.add(), new_code()
    entitlements.apply(first.id, code, UNTIL)

    assert reason(lambda: entitlements.apply(second.id, code, UNTIL)) == "ACTIVATION_APPLIED_ELSEWHERE"


def test_an_account_that_is_gone_is_refused_and_the_refusal_may_be_repeated(
    port: Port, entitlements: Entitlements, principal: Callable[[Account], Principal | None]
) -> None:
    account, applied, late = port.add(), new_code(), new_code()
    entitlements.apply(account.id, applied, UNTIL)
    port.delete(account)

    assert principal(account) is None
    for _ in range(2):
        assert reason(lambda: entitlements.apply(account.id, late, UNTIL)) == "ACCOUNT_NOT_FOUND"
    assert reason(lambda: entitlements.apply(account.id, applied, UNTIL)) == "ACCOUNT_NOT_FOUND"
    entitlements.clear(applied)


def test_redeeming_deleting_and_the_cascade_work_against_it(
    port: Port, certificates: Mapping[str, TlsFiles], fresh_database: FreshDatabase
) -> None:
    clock = real.Clock()
    with running(fresh_database("activation"), certificates, port.address, clock) as replica:
        admin, person, other = port.add("admin"), port.add(), port.add()
        kept, deleted, cascaded = (replica.new_code(admin) for _ in range(3))

        assert replica.activate(person, kept).email == person.email
        replica.activate(person, deleted)
        replica.delete(admin, deleted)
        replica.activate(other, cascaded)
        port.delete(other)

        wait_until(lambda: not _exists(replica, admin, cascaded))
        assert replica.get(admin, kept).user_email == person.email
        assert not _exists(replica, admin, UNKNOWN_CODE)


def _exists(replica: Replica, admin: Account, code: str) -> bool:
    try:
        replica.get(admin, code)
    except grpc.RpcError as error:
        return refused(error)[1] != "CODE_NOT_FOUND"
    return True


def reason(call: Callable[[], object]) -> str:
    with pytest.raises(EntitlementRefusedError) as refusal:
        call()
    return refusal.value.reason
