"""Data calls by internal programs: typed pages, the choice of the cookie, budgets, and each reason of a refusal."""

import datetime
from collections.abc import Callable, Iterator

import grpc
import pytest
from sqlalchemy import update

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as pb_grpc
from services.wechat_cookie.cookies.tables import cookies
from services.wechat_cookie.mp import errors
from services.wechat_cookie.mp.data_pages import AccountsPage, ArticlesPage, FoundAccount, PublishedArticle
from tests.service.wechat_cookie.api.conftest import Api, bearer, refusal, retry_seconds
from tests.service.wechat_cookie.store import ANN, BOB, Store

Stub = pb_grpc.WeChatCookieServiceStub
Call = Callable[[Stub], object]
# The greatest pause between two data calls.
SPACING = 6


def search(stub: Stub, owner: object = ANN) -> pb.SearchOfficialAccountsResponse:
    return stub.SearchOfficialAccounts(pb.SearchOfficialAccountsRequest(owner_id=str(owner), query="读书"))


def articles(stub: Stub, owner: object = ANN) -> pb.ListPublishedArticlesResponse:
    return stub.ListPublishedArticles(pb.ListPublishedArticlesRequest(owner_id=str(owner), fakeid="MzA="))


def acquire(stub: Stub) -> pb.AcquireCookieResponse:
    return stub.AcquireCookie(pb.AcquireCookieRequest(owner_id=str(ANN)))


def refused(call: Call, stub: Stub) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        call(stub)
    return caught.value


def health_of(stub: Stub, token: str) -> str:
    listed = stub.ListCookies(pb.ListCookiesRequest(), metadata=bearer(ANN)).items
    return next(one.health for one in listed if one.token == token)


@pytest.fixture(params=["articles", "collector", "ops"])
def program(api: Api, request: pytest.FixtureRequest) -> Stub:
    return api.stub(request.param)


def test_found_accounts_and_articles_are_typed(api: Api, store: Store, collector: Stub) -> None:
    store.save("1001")
    api.wechat.found = AccountsPage((FoundAccount("MzA=", "读书", "dushu", "https://a", "每周", True),), 9)
    article = PublishedArticle(
        "1_1", "标题", "https://u", "https://c", "摘要", 1_735_689_600, 1_735_690_200, 1, 5
    )
    api.wechat.listed = ArticlesPage((article,), 3, 40)
    found = search(collector)
    assert (found.total, found.items[0].name, found.items[0].verified) == (9, "读书", True)
    store.clock.move(seconds=SPACING)
    listed = articles(collector)
    assert (listed.messages, listed.total_messages) == (3, 40)
    assert (listed.items[0].aid, listed.items[0].item_show_type) == ("1_1", 5)
    assert listed.items[0].publish_time.ToSeconds() == 1_735_689_600
    assert api.wechat.asked == ["1001", "1001"]


def test_the_named_programs_may_call_and_no_other(api: Api, store: Store, program: Stub) -> None:
    store.save("1001")
    assert search(program).total == 0
    for other in ("gateway", "activation"):
        for call in (search, articles):
            assert refusal(refused(call, api.stub(other)))[1] == "CALLER_NOT_ALLOWED"


def test_the_current_cookie_is_used_while_it_can_be_and_else_the_longest_unused(
    api: Api, store: Store, stub: Stub, collector: Stub
) -> None:
    for token in ("1001", "1002", "1003"):
        store.save(token)
    stub.ChangeCookie(pb.ChangeCookieRequest(token="1002"), metadata=bearer(ANN))
    for _ in range(3):
        search(collector)
    assert api.wechat.asked[0] == "1002"
    assert sorted(api.wechat.asked[1:]) == ["1001", "1003"]
    first_other = api.wechat.asked[1]
    store.clock.move(seconds=SPACING)
    search(collector)
    search(collector)
    assert api.wechat.asked[3:] == ["1002", first_other]


def test_a_budget_is_of_any_hour_and_says_when_it_is_free(api: Api, store: Store, collector: Stub) -> None:
    store.save("1001")
    search(collector)
    error = refused(search, collector)
    assert refusal(error)[:2] == ("RESOURCE_EXHAUSTED", "BUDGET_EXHAUSTED")
    assert 3 <= retry_seconds(error) <= SPACING
    for _ in range(3):
        store.clock.move(seconds=retry_seconds(refused(search, collector)))
        search(collector)
    assert len(api.wechat.asked) == 4
    store.clock.move(minutes=30)
    error = refused(articles, collector)
    assert refusal(error)[1] == "BUDGET_EXHAUSTED"
    assert 1750 <= retry_seconds(error) <= 1800
    store.clock.move(seconds=retry_seconds(error))
    search(collector)
    assert len(api.wechat.asked) == 5


def test_a_budget_is_charged_whatever_the_answer_is(api: Api, store: Store, collector: Stub) -> None:
    store.save("1001")
    api.wechat.failures["1001"] = errors.UnreachableError("connect")
    refused(search, collector)
    assert refusal(refused(search, collector))[1] == "BUDGET_EXHAUSTED"


@pytest.mark.parametrize("call", [search, articles])
@pytest.mark.parametrize(
    ("error", "code", "reason", "metadata"),
    [
        (errors.UnreachableError("dns"), "UNAVAILABLE", "WECHAT_UNREACHABLE", {"part": "dns"}),
        (
            errors.UnreachableError("tls", "certificate_expired"),
            "UNAVAILABLE",
            "WECHAT_UNREACHABLE",
            {"part": "tls", "detail": "certificate_expired"},
        ),
        (errors.AnswerTimeoutError(), "UNAVAILABLE", "WECHAT_UNREACHABLE", {"part": "timeout"}),
        (errors.DroppedError(), "UNAVAILABLE", "WECHAT_UNREACHABLE", {"part": "dropped"}),
        (errors.HttpStatusError(502), "UNAVAILABLE", "WECHAT_BAD_ANSWER", {}),
        (errors.HttpStatusError(302), "UNAVAILABLE", "WECHAT_BAD_ANSWER", {}),
        (errors.BadAnswerError("html"), "UNAVAILABLE", "WECHAT_BAD_ANSWER", {}),
        (errors.AnswerTooLargeError(), "UNAVAILABLE", "WECHAT_BAD_ANSWER", {}),
        (errors.SystemBusyError(-1), "UNAVAILABLE", "WECHAT_BAD_ANSWER", {"ret": "-1"}),
        (errors.RefusedError(987), "UNAVAILABLE", "WECHAT_BAD_ANSWER", {"ret": "987"}),
        (errors.VerifyCodeNeededError(200008), "UNAVAILABLE", "WECHAT_BAD_ANSWER", {"ret": "200008"}),
        (errors.ArgumentsInvalidError(200002), "INVALID_ARGUMENT", "WECHAT_ARGUMENTS_INVALID", {}),
    ],
)
def test_what_does_not_speak_of_the_session_changes_no_health(
    api: Api,
    store: Store,
    stub: Stub,
    collector: Stub,
    call: Call,
    error: errors.MpError,
    code: str,
    reason: str,
    metadata: dict[str, str],
) -> None:
    store.save("1001")
    api.wechat.failures["1001"] = error
    assert refusal(refused(call, collector)) == (code, reason, metadata)
    assert health_of(stub, "1001") == "ok"
    assert len(api.wechat.asked) == 1


@pytest.mark.parametrize("error", [errors.SessionInvalidError(200003), errors.CsrfTokenInvalidError(200040)])
def test_an_ended_session_hands_over_and_the_last_one_makes_the_account_unusable(
    api: Api, store: Store, stub: Stub, collector: Stub, error: errors.RetError
) -> None:
    store.save("1001")
    store.save("1002")
    api.wechat.failures = {"1001": error, "1002": error}
    assert refusal(refused(search, collector)) == (
        "UNAVAILABLE",
        "WECHAT_BAD_ANSWER",
        {"ret": str(error.ret)},
    )
    assert (health_of(stub, "1002"), store.current()) == ("dead", "1001")
    counts = {"ok": "0", "cooling_down": "0", "dead": "2", "expired": "0"}
    for _ in range(2):
        assert refusal(refused(search, collector)) == ("FAILED_PRECONDITION", "COOKIE_UNUSABLE", counts)
    assert api.wechat.asked == ["1002", "1001"]
    assert store.current() == "1001"


def test_a_rate_limit_cools_one_cookie_down_and_grows_with_each_in_a_row(
    api: Api, store: Store, stub: Stub, collector: Stub
) -> None:
    store.save("1001")
    api.wechat.failures["1001"] = errors.RateLimitedError(200013)
    for hours in (1, 2, 4, 8, 16, 24, 24):
        error = refused(search, collector)
        assert refusal(error)[:2] == ("RESOURCE_EXHAUSTED", "WECHAT_RATE_LIMITED")
        assert retry_seconds(error) == hours * 3600
        assert health_of(stub, "1001") == "cooling_down"
        asked = len(api.wechat.asked)
        store.clock.move(hours=hours / 2)
        error = refused(articles, collector)
        assert (refusal(error)[1], retry_seconds(error)) == ("WECHAT_RATE_LIMITED", hours * 1800)
        assert refusal(refused(acquire, collector))[1] == "COOKIE_UNUSABLE"
        assert len(api.wechat.asked) == asked
        store.clock.move(hours=hours / 2)
    del api.wechat.failures["1001"]
    search(collector)
    api.wechat.failures["1001"] = errors.RateLimitedError(200013)
    store.clock.move(seconds=SPACING)
    assert retry_seconds(refused(search, collector)) == 3600


def test_a_limited_cookie_is_passed_over_for_another(api: Api, store: Store, collector: Stub) -> None:
    store.save("1001")
    store.save("1002")
    api.wechat.failures["1002"] = errors.RateLimitedError(200013)
    assert retry_seconds(refused(search, collector)) == 1
    search(collector)
    assert api.wechat.asked == ["1002", "1001"]
    assert store.current() == "1002"
    # Of the two, the one that waits for its spacing is free first.
    assert refusal(refused(search, collector))[1] == "BUDGET_EXHAUSTED"


def test_without_a_cookie_and_without_access_nothing_is_asked(
    api: Api, store: Store, collector: Stub
) -> None:
    assert refusal(refused(search, collector))[:2] == ("NOT_FOUND", "COOKIE_NOT_FOUND")
    store.save("1001")
    store.save("2001", BOB)
    api.accounts.put(ANN, status="expired")
    assert refusal(refused(search, collector))[:2] == ("FAILED_PRECONDITION", "OWNER_NOT_ACTIVE")
    del api.accounts.known[str(ANN)]
    assert refusal(refused(articles, collector))[1] == "OWNER_NOT_ACTIVE"
    api.accounts.reachable = False
    assert refusal(refused(search, collector))[1] == "IDENTITY_UNAVAILABLE"
    assert api.wechat.asked == []


def test_expired_cookies_are_counted_until_they_are_swept(api: Api, store: Store, collector: Stub) -> None:
    store.save("1001")
    store.save("1002")
    with store.database.transaction() as connection:
        connection.execute(update(cookies).where(cookies.c.token == "1002").values(health="dead"))
        early = store.clock() - datetime.timedelta(hours=1)
        before = update(cookies).values(created_time=early, expire_time=store.clock())
        connection.execute(before.where(cookies.c.token == "1001"))
    _, reason, metadata = refusal(refused(search, collector))
    assert (reason, metadata["dead"], metadata["expired"]) == ("COOKIE_UNUSABLE", "1", "1")
    assert api.wechat.asked == []


def bad_requests() -> Iterator[tuple[str, object, str]]:
    ann = str(ANN)
    for search_fields, field in (
        ({"query": "x"}, "owner_id"),
        ({"owner_id": ann}, "query"),
        ({"owner_id": ann, "query": "x" * 101}, "query"),
        ({"owner_id": ann, "query": "a\x00"}, "query"),
        ({"owner_id": ann, "query": "x", "count": 21}, "count"),
        ({"owner_id": ann, "query": "x", "count": 0}, "count"),
        ({"owner_id": ann, "query": "x", "begin": -1}, "begin"),
    ):
        yield "SearchOfficialAccounts", pb.SearchOfficialAccountsRequest(**search_fields), field
    for article_fields, field in (
        ({"owner_id": ann}, "fakeid"),
        ({"owner_id": ann, "fakeid": "a&b=c"}, "fakeid"),
        ({"owner_id": ann, "fakeid": "a", "count": 21}, "count"),
        ({"owner_id": ann, "fakeid": "a", "begin": 1_000_001}, "begin"),
    ):
        yield "ListPublishedArticles", pb.ListPublishedArticlesRequest(**article_fields), field


@pytest.mark.parametrize(("method", "request_", "field"), list(bad_requests()))
def test_a_bad_request_names_its_field_and_costs_nothing(
    api: Api, store: Store, collector: Stub, method: str, request_: object, field: str
) -> None:
    store.save("1001")
    english = (("accept-language", "en"),)
    error = refused(lambda to: getattr(to, method)(request_, metadata=english), collector)
    assert refusal(error)[1] == "INVALID_ARGUMENT"
    assert str(error.details()).startswith(f"{field}: ")
    search(collector)
    assert api.wechat.asked == ["1001"]
