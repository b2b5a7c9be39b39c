"""What holds for every call of the client package: who may answer, who takes turns, what is repeated, how long."""

import socket
import time
from collections.abc import Callable, Iterator, Mapping

import grpc
import pytest

from fastmp.client import (
    DeadlineExceededError,
    TlsFiles,
    UnauthenticatedError,
    UnavailableError,
    WeChatCookieClient,
)
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from services.chassis import mutual_tls
from services.chassis.errors import DatabaseUnavailableError
from tests.client.conftest import TOKEN, Replica


class Failing:
    """Fails `times` times before it answers."""

    def __init__(self, times: int, answer: object) -> None:
        self.left = times
        self._answer = answer

    def __call__(self, _request: object) -> object:
        if self.left:
            self.left -= 1
            raise DatabaseUnavailableError
        return self._answer


def test_an_idempotent_call_is_sent_again_while_nobody_answers(
    client: WeChatCookieClient, replica: Replica
) -> None:
    replica.answers["GetCurrentCookie"] = Failing(2, pb.Cookie(token="7"))
    assert client.stub.GetCurrentCookie(pb.GetCurrentCookieRequest()).token == "7"
    assert replica.calls["GetCurrentCookie"] == 3


def test_an_idempotent_call_is_sent_three_times_at_most(client: WeChatCookieClient, replica: Replica) -> None:
    replica.answers["GetCurrentCookie"] = Failing(9, pb.Cookie())
    with pytest.raises(UnavailableError) as caught:
        client.stub.GetCurrentCookie(pb.GetCurrentCookieRequest())
    assert caught.value.reason == "DATABASE_UNAVAILABLE"
    assert replica.calls["GetCurrentCookie"] == 3


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("BeginLogin", pb.BeginLoginRequest()),
        ("DeleteCookie", pb.DeleteCookieRequest(token="7")),
        ("AcquireCookie", pb.AcquireCookieRequest(owner_id="an-id")),
    ],
)
def test_any_other_call_is_sent_once(
    client: WeChatCookieClient, replica: Replica, method: str, request_: object
) -> None:
    replica.answers[method] = Failing(9, None)
    with pytest.raises(UnavailableError):
        getattr(client.stub, method)(request_)
    assert replica.calls[method] == 1


def test_replicas_take_turns(start_replica: Callable[..., Replica], tls: TlsFiles) -> None:
    replicas = [start_replica() for _ in range(3)]
    for replica in replicas:
        replica.answers["ListCookies"] = lambda _: pb.ListCookiesResponse()
    addresses = ",".join(f"127.0.0.1:{replica.port}" for replica in replicas)
    with WeChatCookieClient(addresses, tls, access_token=TOKEN) as client:
        deadline = time.monotonic() + 20
        # The connections come up one after the other.
        while not all(replica.calls["ListCookies"] for replica in replicas):
            assert time.monotonic() < deadline
            client.stub.ListCookies(pb.ListCookiesRequest())
        before = [replica.calls["ListCookies"] for replica in replicas]
        for _ in range(30):
            client.stub.ListCookies(pb.ListCookiesRequest())
    turns = [replica.calls["ListCookies"] - was for replica, was in zip(replicas, before, strict=True)]
    # Exactly ten each, except if a renewed connection restarted the round.
    assert sum(turns) == 30
    assert min(turns) >= 8


def test_a_server_of_another_name_is_not_believed(
    start_replica: Callable[..., Replica], tls: TlsFiles
) -> None:
    impostor = start_replica("activation")
    with (
        WeChatCookieClient(f"127.0.0.1:{impostor.port}", tls, access_token=TOKEN) as client,
        pytest.raises(UnavailableError) as caught,
    ):
        client.stub.ListCookies(pb.ListCookiesRequest())
    assert caught.value.reason == ""
    assert not impostor.calls


def test_a_caller_of_another_authority_is_turned_away(
    replica: Replica, certificates: Mapping[str, mutual_tls.TlsFiles]
) -> None:
    files = certificates["stranger"]
    stranger = TlsFiles(files.ca_file, files.certificate_file, files.key_file)
    with (
        WeChatCookieClient(f"127.0.0.1:{replica.port}", stranger, access_token=TOKEN) as client,
        pytest.raises(UnavailableError),
    ):
        client.stub.ListCookies(pb.ListCookiesRequest())
    assert not replica.calls


def test_the_access_token_goes_along_with_each_call(replica: Replica, tls: TlsFiles) -> None:
    replica.answers["ListCookies"] = lambda _: pb.ListCookiesResponse()
    with WeChatCookieClient(f"127.0.0.1:{replica.port}", tls, access_token=TOKEN) as client:
        client.stub.ListCookies(pb.ListCookiesRequest())
    assert replica.metadata["authorization"] == f"Bearer {TOKEN}"
    with (
        WeChatCookieClient(f"127.0.0.1:{replica.port}", tls) as client,
        pytest.raises(UnauthenticatedError) as caught,
    ):
        client.stub.ListCookies(pb.ListCookiesRequest())
    assert caught.value.reason == "TOKEN_MISSING"


def test_the_access_token_needs_no_thread_that_closing_waits_for(
    replica: Replica, tls: TlsFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The deadlock itself takes tens of thousands of channels to show, so what it cannot do without is refused here.
    for name in (
        "composite_channel_credentials",
        "metadata_call_credentials",
        "access_token_call_credentials",
    ):
        monkeypatch.delattr(grpc, name)
    replica.answers["ListCookies"] = lambda _: pb.ListCookiesResponse()
    with WeChatCookieClient(f"127.0.0.1:{replica.port}", tls, access_token=TOKEN) as client:
        client.stub.ListCookies(pb.ListCookiesRequest())
    assert replica.metadata["authorization"] == f"Bearer {TOKEN}"


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where connections are taken and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


def test_a_call_without_a_deadline_of_its_own_gets_one(silent_port: int, tls: TlsFiles) -> None:
    with WeChatCookieClient(f"127.0.0.1:{silent_port}", tls, call_seconds=0.3) as client:
        with pytest.raises(DeadlineExceededError) as caught:
            client.stub.ListCookies(pb.ListCookiesRequest())
        assert caught.value.reason == ""
        with pytest.raises(DeadlineExceededError):
            client.stub.ListCookies.future(pb.ListCookiesRequest()).result()


def test_a_deadline_of_its_own_goes_before(silent_port: int, tls: TlsFiles) -> None:
    with WeChatCookieClient(f"127.0.0.1:{silent_port}", tls, call_seconds=60) as client:
        begin = time.monotonic()
        with pytest.raises(DeadlineExceededError):
            client.stub.ListCookies(pb.ListCookiesRequest(), timeout=0.2)
        assert time.monotonic() - begin < 30


def test_a_missing_certificate_is_told_at_once(tls: TlsFiles) -> None:
    with pytest.raises(FileNotFoundError):
        WeChatCookieClient(
            "127.0.0.1:1", TlsFiles(tls.ca_file, tls.certificate_file, tls.key_file.with_name("none.key"))
        )


def test_the_environments_proxy_is_not_used(
    start_replica: Callable[..., Replica], tls: TlsFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        for name in ("grpc_proxy", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{unused.getsockname()[1]}")
        replica = start_replica()
        replica.answers["GetCurrentCookie"] = lambda _: pb.Cookie(token="7")
        address = f"127.0.0.1:{replica.port}"
        with WeChatCookieClient(address, tls, access_token=TOKEN) as client:
            assert client.stub.GetCurrentCookie(pb.GetCurrentCookieRequest()).token == "7"
