"""A failed call says what the service said: code, reason, message, and how long to wait."""

import datetime
from collections.abc import Callable

import grpc
import pytest

from fastmp.client import (
    FailedPreconditionError,
    FastMPError,
    InvalidRequestError,
    NotFoundError,
    ThrottledError,
    TlsFiles,
    WeChatCookieClient,
)
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from services.chassis.errors import DomainError, InvalidArgumentError
from services.chassis.language import Localized
from services.chassis.violations import violation
from services.wechat_cookie.cookies.errors import CookieNotFoundError, CookieUnusableError
from services.wechat_cookie.logins.errors import TooManyLoginsError
from tests.client.conftest import TOKEN, Replica


@pytest.fixture
def refuse(client: WeChatCookieClient, replica: Replica) -> Callable[[Exception], FastMPError]:
    """What a caller catches when the service raises an error."""

    def refusal(error: Exception) -> FastMPError:
        def fail(_request: object) -> None:
            raise error

        replica.answers["ListCookies"] = fail
        with pytest.raises(FastMPError) as caught:
            client.stub.ListCookies(pb.ListCookiesRequest())
        return caught.value

    return refusal


def test_the_reason_and_the_message_are_the_services(refuse: Callable[[Exception], FastMPError]) -> None:
    error = refuse(CookieNotFoundError())
    assert type(error) is NotFoundError
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "COOKIE_NOT_FOUND")
    assert error.message == CookieNotFoundError.message.zh
    assert str(error) == f"COOKIE_NOT_FOUND: {CookieNotFoundError.message.zh}"
    assert error.request_id
    assert error.retry_after is None


def test_the_message_is_in_the_language_of_the_channel(replica: Replica, tls: TlsFiles) -> None:
    def fail(_request: object) -> None:
        raise CookieNotFoundError

    replica.answers["ListCookies"] = fail
    address = f"127.0.0.1:{replica.port}"
    with (
        WeChatCookieClient(address, tls, access_token=TOKEN, language="en") as client,
        pytest.raises(FastMPError) as caught,
    ):
        client.stub.ListCookies(pb.ListCookiesRequest())
    assert caught.value.message == CookieNotFoundError.message.en


def test_a_throttled_caller_learns_when_to_come_back(refuse: Callable[[Exception], FastMPError]) -> None:
    error = refuse(TooManyLoginsError(retry_after=datetime.timedelta(seconds=7)))
    assert type(error) is ThrottledError
    assert (error.reason, error.retry_after) == ("TOO_MANY_LOGINS", datetime.timedelta(seconds=7))


def test_a_bad_request_names_its_fields(refuse: Callable[[Exception], FastMPError]) -> None:
    error = refuse(InvalidArgumentError((violation("token", Localized("应为数字", "must be digits")),)))
    assert type(error) is InvalidRequestError
    assert error.violations == {"token": "公众号编号应为数字"}


def test_further_facts_come_along(refuse: Callable[[Exception], FastMPError]) -> None:
    error = refuse(CookieUnusableError("dead"))
    assert type(error) is FailedPreconditionError
    assert error.metadata == {"health": "dead"}


def test_a_code_without_a_class_of_its_own_is_the_common_one(
    refuse: Callable[[Exception], FastMPError],
) -> None:
    error = refuse(DomainError())
    assert type(error) is FastMPError
    assert (error.code, error.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")


def test_futures_and_streams_fail_alike(client: WeChatCookieClient, replica: Replica) -> None:
    def fail(_request: object) -> None:
        raise CookieNotFoundError

    replica.answers |= {"ListCookies": fail, "WatchLogin": fail}
    future = client.stub.ListCookies.future(pb.ListCookiesRequest())
    with pytest.raises(NotFoundError):
        future.result()
    assert isinstance(future.exception(), NotFoundError)
    with pytest.raises(NotFoundError):
        list(client.stub.WatchLogin(pb.WatchLoginRequest()))
    with pytest.raises(NotFoundError):
        client.stub.ListCookies.with_call(pb.ListCookiesRequest())
