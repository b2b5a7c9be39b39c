"""A token that worked is refused by every service within a second of its end, also where it is remembered.

Callers use the token without a pause, straight over gRPC and through the gateway, from before its end until after.
"""

import datetime
import signal
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial

import pytest
import requests

from deploy.local.kept_secrets import read_kept
from deploy.local.stack import LocalStack
from fastmp.activation.v1 import activation_service_pb2_grpc as activation_grpc
from fastmp.audit.v1 import audit_pb2
from fastmp.identity.v1 import identity_service_pb2_grpc as identity_grpc
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as cookie_pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as cookie_grpc
from services.chassis.audit.recording import AuditLog
from services.chassis.postgres.database import Database
from services.identity.accounts import accounts
from services.identity.accounts.transactions import AccountTransactions
from services.identity.tables import audit
from tests.support.direct_calls import bearer, channels
from tests.support.gateway_calls import GatewayCaller
from tests.support.serving import wait_until_served
from tests.support.waiting import wait_until
from tests.whole_stack.people import PASSWORD, People, Person
from tests.whole_stack.probes import CALL_SECONDS, LET_IN, Probe, Probing

LIMIT_SECONDS = 1.0
UNAVAILABLE = "UNAVAILABLE IDENTITY_UNAVAILABLE"
SERVICES = ("identity", "activation", "wechat_cookie")
STUBS = {
    "identity": identity_grpc.IdentityServiceStub,
    "activation": activation_grpc.ActivationServiceStub,
    "wechat_cookie": cookie_grpc.WeChatCookieServiceStub,
}
# Reads of each service that only admins have.
ADMIN_READS = {
    "identity": "/admin/audit",
    "activation": "/admin/audit/activation",
    "wechat_cookie": "/admin/audit/wechat_cookie",
}
Deed = Callable[[People, Person], None]


class Callers:
    """Makes probes with a person's token."""

    def __init__(self, stack: LocalStack, held: ExitStack) -> None:
        self._url = stack.gateway_url
        self._held = held
        self._channels = {name: held.enter_context(channels(stack, name, 1))[0] for name in SERVICES}

    def of_admin(self, person: Person) -> list[Probe]:
        """What only an admin may, at each service and over both transports."""
        rest = [self._rest(name, person, f"{path}?size=1") for name, path in ADMIN_READS.items()]
        return rest + self.of_admin_over_grpc(person, SERVICES)

    def of_admin_over_grpc(self, person: Person, services: Sequence[str]) -> list[Probe]:
        """What only an admin may, straight at some services."""
        request = audit_pb2.ListAuditLogRequest(size=1)
        probes = []
        for name in services:
            call = STUBS[name](self._channels[name]).ListAuditLog
            probes.append(self._grpc(name, person, partial(call, request)))
        return probes

    def of_active(self, person: Person) -> list[Probe]:
        """What only an active account may: all such calls are WeChatCookie's."""
        stub = cookie_grpc.WeChatCookieServiceStub(self._channels["wechat_cookie"])
        request = cookie_pb.ListCookiesRequest()
        return [
            self._rest("wechat_cookie", person, "/cookie/list"),
            self._grpc("wechat_cookie", person, partial(stub.ListCookies, request)),
        ]

    def _grpc(self, name: str, person: Person, call: Callable[..., object]) -> Probe:
        metadata = bearer(person.token)
        return Probe(f"{name} over gRPC", lambda: call(metadata=metadata, timeout=CALL_SECONDS))

    def _rest(self, name: str, person: Person, path: str) -> Probe:
        session = self._held.enter_context(requests.Session())
        return Probe(
            f"{name} over REST",
            lambda: session.get(self._url + path, headers=person.headers, timeout=CALL_SECONDS),
        )


@pytest.fixture
def callers(stack: LocalStack) -> Iterator[Callers]:
    with ExitStack() as held:
        yield Callers(stack, held)


def signed_in(people: People, person: Person) -> Person:
    """The person with a token that Identity itself gave out, and so can end."""
    answer = people.rest("POST", "/auth/login", json={"email": person.email, "password": PASSWORD})
    assert answer.ok, answer.text
    return Person(person.id, person.email, answer.json()["access_token"])


def log_out(people: People, person: Person) -> None:
    assert people.rest("POST", "/auth/logout", person, json={}).ok


def change_password(people: People, person: Person) -> None:
    body = {"old_password": PASSWORD, "new_password": "another password of the tests"}
    assert people.rest("POST", "/auth/password", person, json=body).ok


def demote(people: People, person: Person) -> None:
    people.update(person, role="user")


def deactivate(people: People, person: Person) -> None:
    people.update(person, activation_status="pending")


def delete(people: People, person: Person) -> None:
    assert people.rest("DELETE", f"/admin/users/{person.id}", people.admin).ok


@pytest.mark.parametrize("deed", [log_out, change_password, demote, deactivate, delete])
def test_a_token_is_refused_everywhere_within_a_second_of_its_end(
    people: People, callers: Callers, deed: Deed
) -> None:
    if deed is deactivate:
        person = signed_in(people, people.active())
        probes = callers.of_active(person)
    else:
        person = signed_in(people, people.another_admin())
        probes = callers.of_admin(person)
    with Probing(probes) as probing:
        deed(people, person)
        ended = time.monotonic()
        probing.wait_until_all_began_after(ended + LIMIT_SECONDS)
    slowest = max(probe.trusted_for(ended) for probe in probes)
    print(f"{deed.__name__}: the last call let in began {slowest * 1000:.0f} ms after its answer")
    assert slowest < LIMIT_SECONDS
    for probe in probes:
        assert LET_IN not in probe.outcomes_since(ended + slowest), probe.name
        assert set(probe.outcomes_since(ended + slowest)) <= REFUSALS[deed], probe.name


REFUSALS: dict[Deed, set[str]] = {
    log_out: {"UNAUTHENTICATED TOKEN_REVOKED", "401 TOKEN_REVOKED"},
    change_password: {"UNAUTHENTICATED TOKEN_REVOKED", "401 TOKEN_REVOKED"},
    delete: {"UNAUTHENTICATED TOKEN_REVOKED", "401 TOKEN_REVOKED"},
    demote: {"PERMISSION_DENIED ADMIN_REQUIRED", "403 ADMIN_REQUIRED"},
    deactivate: {"PERMISSION_DENIED ACCOUNT_NOT_ACTIVATED", "403 ACCOUNT_NOT_ACTIVATED"},
}


@pytest.fixture(params=[signal.SIGSTOP, signal.SIGKILL])
def silence_identity(request: pytest.FixtureRequest, stack: LocalStack, people: People) -> Iterator[Deed]:
    """Freezes Identity, whose connections stay open and say nothing, or kills it; afterwards it is back."""
    identity = stack.process("identity")

    def silence(_: People, __: Person) -> None:
        identity.send_signal_to_group(request.param)

    yield silence
    bring_back(stack)
    with GatewayCaller(stack.gateway_url, people.admin.token) as admin:
        wait_until_served(admin)


def bring_back(stack: LocalStack) -> None:
    identity = stack.process("identity")
    if identity.exit_status is None:
        identity.send_signal_to_group(signal.SIGCONT)
    else:
        stack.restart("identity")


def delete_in_the_database(stack: LocalStack, person: Person) -> None:
    """Deletes the account as Identity does, while Identity cannot tell anybody."""
    database = Database(stack.database_url("identity"), pool_size=1)
    key = read_kept(stack.state_directory / "secrets.json").audit_key("identity").encode()
    transactions = AccountTransactions(database, utc_now, AuditLog(audit, key, utc_now), lambda *_: None)
    with transactions.begin() as transaction:
        accounts.remove(transaction, uuid.UUID(person.id))
    database.dispose()


def utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def test_while_identity_says_nothing_nobody_trusts_what_is_remembered(
    stack: LocalStack, people: People, callers: Callers, silence_identity: Deed
) -> None:
    person = signed_in(people, people.another_admin())
    probes = callers.of_admin_over_grpc(person, ("activation", "wechat_cookie"))
    with Probing(probes) as probing:
        silence_identity(people, person)
        silent_since = time.monotonic()
        delete_in_the_database(stack, person)
        probing.wait_until_all_began_after(silent_since + LIMIT_SECONDS)
        back = time.monotonic()
        bring_back(stack)
        for probe in probes:
            wait_until(
                lambda probe=probe: probe.attempts[-1].outcome in REFUSALS[delete],  # type: ignore[misc]
                f"{probe.name} knows again whose token this was",
                30,
            )
    slowest = max(probe.trusted_for(silent_since) for probe in probes)
    print(f"the last call let in began {slowest * 1000:.0f} ms after Identity fell silent")
    assert slowest < LIMIT_SECONDS
    for probe in probes:
        outcomes = [one.outcome for one in probe.attempts if silent_since + slowest < one.began < back]
        # The last of them may have waited until Identity was back.
        assert UNAVAILABLE in outcomes, probe.name
        assert set(outcomes) <= {UNAVAILABLE} | REFUSALS[delete], probe.name
