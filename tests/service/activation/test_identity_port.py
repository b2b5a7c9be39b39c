"""The same tests on the tests' own Identity and on the real one: what Activation relies on is true of both."""

import datetime
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from fastmp.identity.v1 import identity_service_pb2 as identity_pb
from fastmp.identity.v1 import identity_service_pb2_grpc as identity_pb_grpc
from services.activation.api.messages import timestamp_of
from services.chassis.errors import reason_of
from services.chassis.identity.client import IdentityClient, identity_channel
from services.chassis.identity.principals import Principal
from services.chassis.mutual_tls import TlsFiles
from tests.service.activation.replicas import UNKNOWN_CODE, Replica, refused, running
from tests.service.identity import replicas as real
from tests.service.scripted_identity import Account, RunningIdentity
from tests.support.postgres import DatabaseTemplates, FreshDatabase
from tests.support.waiting import wait_until

pytestmark = pytest.mark.xdist_group("identity_port")

UNTIL = datetime.datetime(2031, 2, 3, 4, 5, 6, 789_012, tzinfo=datetime.UTC)
LATER = UNTIL + datetime.timedelta(days=9)
REDEEMED = datetime.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=datetime.UTC)


class Port(Protocol):
    """An Identity, whichever it is."""

    address: str

    def add(self, role: str = "user") -> Account: ...

    def delete(self, account: Account) -> None: ...

    def set_status(self, account: Account, status: str) -> None: ...


class Codes:
    """Identity's two RPCs behind activation codes, as Activation calls them."""

    def __init__(self, identity: grpc.Channel) -> None:
        self._stub = identity_pb_grpc.IdentityServiceStub(identity)

    def apply(
        self,
        account_id: uuid.UUID,
        code: str,
        until: datetime.datetime,
        redeemed: datetime.datetime | None = None,
    ) -> identity_pb.ApplyActivationResponse:
        request = identity_pb.ApplyActivationRequest(
            account_id=str(account_id),
            activation_code=code,
            expired_time=timestamp_of(until),
            redeemed_time=timestamp_of(redeemed),
        )
        return self._stub.ApplyActivation(request)

    def clear(self, code: str) -> bool:
        return self._stub.ClearActivation(identity_pb.ClearActivationRequest(activation_code=code)).cleared


class Scripted:
    def __init__(self, certificates: Mapping[str, TlsFiles], held: ExitStack) -> None:
        self._running = RunningIdentity(certificates["identity"])
        held.callback(self._running.down)
        self.address = self._running.address

    def add(self, role: str = "user") -> Account:
        return self._running.world.add(role)

    def delete(self, account: Account) -> None:
        self._running.world.delete(account.id)

    def set_status(self, account: Account, status: str) -> None:
        self._running.world.set_status(account, status)


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

    def set_status(self, account: Account, status: str) -> None:
        request = identity_pb.UpdateUserRequest(user_id=str(account.id), activation_status=status)
        self._callers.gateway.UpdateUser(request, metadata=self._admin.bearer)

    def expired_time(self, account: Account) -> Timestamp:
        """As GetMe gives it."""
        return self._callers.gateway.GetMe(identity_pb.GetMeRequest(), metadata=account.bearer).expired_time


@pytest.fixture(scope="module", params=["scripted", "real"])
def port(
    request: pytest.FixtureRequest,
    certificates: Mapping[str, TlsFiles],
    database_templates: DatabaseTemplates,
) -> Iterator[Port]:
    """Shared, so a test makes accounts of its own."""
    with ExitStack() as held:
        if request.param == "real":
            name, url = database_templates.create("identity")
            held.callback(database_templates.drop, name)
            yield Real(url, certificates, held)
        else:
            yield Scripted(certificates, held)


@pytest.fixture(scope="module")
def channel(port: Port, certificates: Mapping[str, TlsFiles]) -> Iterator[grpc.Channel]:
    with identity_channel(port.address, certificates["activation"]) as channel:
        yield channel


@pytest.fixture
def codes(channel: grpc.Channel) -> Codes:
    return Codes(channel)


@pytest.fixture
def principal(channel: grpc.Channel) -> Callable[[Account], Principal | None]:
    """An account as Identity tells it."""
    return lambda account: IdentityClient(channel).principals([str(account.id)]).get(str(account.id))


def new_code() -> str:
    return uuid.uuid4().hex


def test_a_code_gives_its_days_once(
    port: Port, codes: Codes, principal: Callable[[Account], Principal]
) -> None:
    account, code = port.add(), new_code()

    first = codes.apply(account.id, code, UNTIL)
    repeated = codes.apply(account.id, code, LATER)

    assert (first.email, first.activation_status) == (account.email, "active")
    assert first.expired_time == timestamp_of(UNTIL)
    assert repeated == first
    assert (principal(account).activation_status, principal(account).expired_time) == ("active", UNTIL)


def test_a_repeat_of_an_older_code_undoes_no_newer_one(
    port: Port, codes: Codes, principal: Callable[[Account], Principal]
) -> None:
    account, older, newer = port.add(), new_code(), new_code()
    first = codes.apply(account.id, older, UNTIL)
    codes.apply(account.id, newer, LATER)

    assert codes.apply(account.id, older, UNTIL) == first
    assert principal(account).expired_time == LATER


def test_of_two_codes_the_one_redeemed_last_wins_in_either_order(
    port: Port, codes: Codes, principal: Callable[[Account], Principal]
) -> None:
    for order in (1, -1):
        account, older, newer = port.add(), new_code(), new_code()
        applications = [(older, UNTIL, REDEEMED), (newer, LATER, REDEEMED + datetime.timedelta(seconds=1))]
        for code, until, redeemed in applications[::order]:
            given = codes.apply(account.id, code, until, redeemed)
            assert given.expired_time == timestamp_of(until)

        assert not codes.clear(older)
        assert principal(account).expired_time == LATER


def test_a_revoked_account_is_refused_and_its_code_stays_free(
    port: Port, codes: Codes, principal: Callable[[Account], Principal]
) -> None:
    account, carried, refused_code = port.add(), new_code(), new_code()
    codes.apply(account.id, carried, UNTIL)
    port.set_status(account, "revoked")

    assert reason(lambda: codes.apply(account.id, refused_code, LATER)) == "ACCOUNT_REVOKED"
    assert codes.apply(account.id, carried, UNTIL).email == account.email
    assert codes.clear(carried)
    assert principal(account).activation_status == "revoked"
    assert codes.apply(port.add().id, refused_code, LATER).activation_status == "active"


def test_clearing_takes_back_what_the_code_gave_and_may_be_repeated(
    port: Port, codes: Codes, principal: Callable[[Account], Principal]
) -> None:
    account, code = port.add(), new_code()
    codes.apply(account.id, code, UNTIL)

    codes.clear(code)
    codes.clear(code)

    assert (principal(account).activation_status, principal(account).expired_time) == ("pending", None)
    assert reason(lambda: codes.apply(account.id, code, UNTIL)) == "ACTIVATION_CLEARED"


def test_clearing_an_older_code_leaves_the_newer_one(
    port: Port, codes: Codes, principal: Callable[[Account], Principal]
) -> None:
    account, older, newer = port.add(), new_code(), new_code()
    codes.apply(account.id, older, UNTIL)
    codes.apply(account.id, newer, LATER)

    codes.clear(older)

    assert (principal(account).activation_status, principal(account).expired_time) == ("active", LATER)


def test_a_code_that_was_cleared_before_it_arrived_is_refused(port: Port, codes: Codes) -> None:
    account, code = port.add(), new_code()
    codes.clear(code)

    assert reason(lambda: codes.apply(account.id, code, UNTIL)) == "ACTIVATION_CLEARED"


def test_the_code_of_one_account_is_refused_to_another(port: Port, codes: Codes) -> None:
    first, second, code = port.add(), port.add(), new_code()
    codes.apply(first.id, code, UNTIL)

    assert reason(lambda: codes.apply(second.id, code, UNTIL)) == "ACTIVATION_APPLIED_ELSEWHERE"


def test_an_account_that_is_gone_is_refused_and_the_refusal_may_be_repeated(
    port: Port, codes: Codes, principal: Callable[[Account], Principal | None]
) -> None:
    account, applied, late = port.add(), new_code(), new_code()
    codes.apply(account.id, applied, UNTIL)
    port.delete(account)

    assert principal(account) is None
    for _ in range(2):
        assert reason(lambda: codes.apply(account.id, late, UNTIL)) == "ACCOUNT_NOT_FOUND"
    assert reason(lambda: codes.apply(account.id, applied, UNTIL)) == "ACCOUNT_NOT_FOUND"
    codes.clear(applied)


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


def reason(call: Callable[[], object]) -> str | None:
    with pytest.raises(grpc.RpcError) as refusal:
        call()
    return reason_of(refusal.value)
