"""A cookie that a program borrows: what it may read, and what is reported at the end."""

import datetime
import pickle
from collections.abc import Callable

import grpc
import pytest

from fastmp.client import (
    FailedPreconditionError,
    FastMPError,
    NotFoundError,
    Outcome,
    ThrottledError,
    WeChatCookieClient,
    WeChatRefusedError,
    outcome_of,
)
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from services.wechat_cookie.cookies.errors import AcquisitionNotFoundError, CookieUnusableError
from tests.client.conftest import Replica

SECRET = "slave_sid=a-secret-value"
ACQUIRED = pb.AcquireCookieResponse(
    acquisition_id="an-acquisition",
    cookie=pb.Cookie(token="4711", name="人民日报"),
    values=[pb.CookieValue(name="slave_sid", value="a-secret-value")],
    cookie_header=SECRET,
)


@pytest.fixture
def reports(replica: Replica) -> list[str]:
    """The outcomes that the service received, in order."""
    reported: list[str] = []

    def report(request: pb.ReportCookieRequest) -> pb.ReportCookieResponse:
        assert request.acquisition_id == ACQUIRED.acquisition_id
        reported.append(request.outcome)
        return pb.ReportCookieResponse(health="dead" if request.outcome == "dead" else "ok")

    replica.answers |= {"AcquireCookie": lambda _: ACQUIRED, "ReportCookie": report}
    return reported


def test_a_block_that_ends_well_is_ok(client: WeChatCookieClient, reports: list[str]) -> None:
    with client.cookie(owner_id="an-id") as cookie:
        assert (cookie.header, cookie.token, cookie.account_name) == (SECRET, "4711", "人民日报")
        cookie.check(0)
        assert reports == []
    assert reports == ["ok"]
    assert cookie.is_reported


@pytest.mark.parametrize(
    ("ret", "outcome"),
    [(200003, "dead"), (200040, "dead"), (200013, "rate_limited"), (-1, "error"), (0, "ok")],
)
def test_what_wechat_says_is_what_is_reported(
    client: WeChatCookieClient, reports: list[str], ret: int, outcome: Outcome
) -> None:
    def use() -> None:
        with client.cookie(owner_email="alice@example.com") as cookie:
            cookie.check(ret)

    if ret == 0:
        use()
    else:
        with pytest.raises(WeChatRefusedError) as caught:
            use()
        assert (caught.value.ret, caught.value.outcome) == (ret, outcome)
    assert outcome_of(ret) == outcome
    assert reports == [outcome]


@pytest.mark.parametrize("failure", [ValueError("anything"), KeyboardInterrupt()])
def test_any_other_failure_says_nothing_of_the_cookie(
    client: WeChatCookieClient, reports: list[str], failure: BaseException
) -> None:
    with pytest.raises(type(failure)), client.cookie(owner_id="an-id"):
        raise failure
    assert reports == ["error"]


def test_an_own_report_is_the_only_one(client: WeChatCookieClient, reports: list[str]) -> None:
    with client.cookie(owner_id="an-id") as cookie:
        assert cookie.report("dead") == "dead"
    assert reports == ["dead"]
    with pytest.raises(ValueError, match="later"), client.cookie(owner_id="an-id") as cookie:
        cookie.report("ok")
        raise ValueError("later")
    assert reports == ["dead", "ok"]


def test_errors_find_their_way_out_of_a_worker_process() -> None:
    refused = pickle.loads(pickle.dumps(WeChatRefusedError(200013)))
    assert (refused.outcome, str(refused)) == ("rate_limited", "WeChat refused with ret 200013")
    throttled = ThrottledError(
        grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY", "…", retry_after=datetime.timedelta(seconds=3)
    )
    assert vars(pickle.loads(pickle.dumps(throttled))) == vars(throttled)


def refuse(error: Exception) -> Callable[[object], None]:
    def answer(_request: object) -> None:
        raise error

    return answer


def test_a_failed_report_hides_no_failure_of_the_block(
    client: WeChatCookieClient, replica: Replica, reports: list[str]
) -> None:
    replica.answers["ReportCookie"] = refuse(AcquisitionNotFoundError())
    with pytest.raises(ValueError, match="first") as caught, client.cookie(owner_id="an-id"):
        raise ValueError("first")
    assert "ACQUISITION_NOT_FOUND" in "".join(caught.value.__notes__)
    with pytest.raises(NotFoundError), client.cookie(owner_id="an-id"):
        pass


def test_no_cookie_no_block(client: WeChatCookieClient, replica: Replica, reports: list[str]) -> None:
    replica.answers["AcquireCookie"] = refuse(CookieUnusableError("dead"))
    entered = False
    with pytest.raises(FailedPreconditionError) as caught, client.cookie(owner_id="an-id"):
        entered = True
    assert (entered, caught.value.reason, reports) == (False, "COOKIE_UNUSABLE", [])


@pytest.mark.parametrize("owner", [{}, {"owner_id": "an-id", "owner_email": "alice@example.com"}])
def test_exactly_one_owner_is_named(
    client: WeChatCookieClient, replica: Replica, owner: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match="owner"), client.cookie(**owner):
        pass
    assert not replica.calls


def test_no_secret_shows(client: WeChatCookieClient, replica: Replica, reports: list[str]) -> None:
    with client.cookie(owner_id="an-id") as cookie:
        shown = f"{cookie} {cookie!r} {client!r}"
    assert "an-acquisition" in shown
    replica.answers["ReportCookie"] = refuse(AcquisitionNotFoundError())
    with pytest.raises(FastMPError) as caught:
        cookie.report("ok")
    shown += f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    assert "secret" not in shown
    assert "4711" not in shown
