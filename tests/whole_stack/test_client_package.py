"""The client package against the running stack: cookies that are borrowed, logins that are followed."""

from collections.abc import Iterator

import pytest
import requests

from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from fastmp.activation.v1 import activation_service_pb2 as activation_pb
from fastmp.activation.v1 import activation_service_pb2_grpc as activation_grpc
from fastmp.client import (
    FailedPreconditionError,
    NotFoundError,
    PermissionDeniedError,
    WeChatCookieClient,
    WeChatRefusedError,
    channel,
)
from fastmp.identity.v1 import identity_service_pb2 as identity_pb
from fastmp.identity.v1 import identity_service_pb2_grpc as identity_grpc
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from tests.whole_stack.client_callers import connect, tls
from tests.whole_stack.people import People, Person


@pytest.fixture
def person(people: People) -> Person:
    return people.active()


@pytest.fixture
def collector(stack: LocalStack) -> Iterator[WeChatCookieClient]:
    with connect(stack) as client:
        yield client


@pytest.fixture
def member(stack: LocalStack, person: Person) -> Iterator[WeChatCookieClient]:
    """The person's own calls."""
    with connect(stack, person=person) as client:
        yield client


def scan(client: WeChatCookieClient, wechat: EmulatorControl) -> pb.Cookie:
    """Logs an official account in."""
    with client.start_login() as stream:
        for event in stream:
            if event.HasField("qr_code"):
                wechat.scan_and_confirm(event.qr_code.url)
    assert event.HasField("success")
    return event.success.cookie


def test_a_login_belongs_to_its_account(
    stack: LocalStack, people: People, member: WeChatCookieClient, wechat: EmulatorControl
) -> None:
    with member.start_login() as own:
        next(own)
        with (
            connect(stack, person=people.active()) as other,
            other.watch_login(own.login_key) as stream,
            pytest.raises(NotFoundError) as caught,
        ):
            next(stream)
        assert caught.value.reason == "LOGIN_NOT_FOUND"
        member.stub.CancelLogin(pb.CancelLoginRequest(login_key=own.login_key))
        last = list(own)[-1]
    assert last.failure.reason == "CANCELLED"


def test_a_borrowed_cookie_works_until_wechat_ends_it(
    stack: LocalStack,
    person: Person,
    member: WeChatCookieClient,
    collector: WeChatCookieClient,
    wechat: EmulatorControl,
) -> None:
    emulator = stack.wechat_emulator
    assert emulator is not None

    def search() -> None:
        with collector.cookie(owner_email=person.email) as cookie:
            answer = requests.get(
                f"{emulator.base_url}/cgi-bin/searchbiz",
                params={"action": "search_biz", "query": "笔记", "token": cookie.token, "f": "json"},
                headers={"Cookie": cookie.header, "Referer": f"{emulator.base_url}/"},
                verify=str(emulator.ca_file),
                timeout=10,
            )
            cookie.check(int(answer.json()["base_resp"]["ret"]))

    with pytest.raises(NotFoundError) as none_yet:
        search()
    assert none_yet.value.reason == "COOKIE_NOT_FOUND"
    saved = scan(member, wechat)
    search()
    assert member.stub.GetCurrentCookie(pb.GetCurrentCookieRequest()).health == "ok"
    wechat.kill_session(saved.token)
    with pytest.raises(WeChatRefusedError):
        search()
    assert member.stub.GetCurrentCookie(pb.GetCurrentCookieRequest()).health == "dead"
    with pytest.raises(FailedPreconditionError) as caught, collector.cookie(owner_id=person.id):
        pass
    assert (caught.value.reason, caught.value.metadata) == ("COOKIE_UNUSABLE", {"health": "dead"})


def test_only_the_named_programs_borrow_cookies(stack: LocalStack, person: Person) -> None:
    with (
        connect(stack, "gateway") as client,
        pytest.raises(PermissionDeniedError) as caught,
        client.cookie(owner_id=person.id),
    ):
        pass
    assert caught.value.reason == "CALLER_NOT_ALLOWED"


def test_a_channel_serves_the_stubs_of_every_service(stack: LocalStack, people: People) -> None:
    files, token = tls(stack, "collector"), people.admin.token
    with channel("identity", stack.addresses("identity")[0], files, access_token=token) as identity:
        account = identity_grpc.IdentityServiceStub(identity).GetMe(identity_pb.GetMeRequest())
    assert account.email == people.admin.email
    with channel("activation", stack.addresses("activation")[0], files, access_token=token) as activation:
        stub = activation_grpc.ActivationServiceStub(activation)
        made = stub.GenerateCodes(activation_pb.GenerateCodesRequest(valid_days=1, count=2)).codes
        listed = stub.ListCodes(activation_pb.ListCodesRequest(size=2)).items
        pieces = b"".join(piece.data for piece in stub.ExportCodes(activation_pb.ExportCodesRequest()))
    assert {code.activation_code for code in made} == {code.activation_code for code in listed}
    assert made[0].activation_code.encode() in pieces
