"""What owners read about the health of their cookies: the cause, since when, until when, and the next step."""

import datetime

import pytest
from sqlalchemy import select

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as pb_grpc
from services.wechat_cookie.cookies import health
from services.wechat_cookie.cookies.health import HealthReason
from services.wechat_cookie.cookies.tables import cookies
from services.wechat_cookie.cookies.wording import health_message
from tests.service.wechat_cookie.api.conftest import bearer
from tests.service.wechat_cookie.store import ANN, Store

Stub = pb_grpc.WeChatCookieServiceStub


def listed(stub: Stub, language: str = "en") -> dict[str, pb.Cookie]:
    metadata = (*bearer(ANN), ("accept-language", language))
    return {one.token: one for one in stub.ListCookies(pb.ListCookiesRequest(), metadata=metadata).items}


def report(collector: Stub, outcome: str) -> None:
    acquired = collector.AcquireCookie(pb.AcquireCookieRequest(owner_id=str(ANN)))
    request = pb.ReportCookieRequest(acquisition_id=acquired.acquisition_id, outcome=outcome)
    collector.ReportCookie(request)


def ended(store: Store, token: str, reason: HealthReason) -> bool:
    with store.database.transaction() as connection:
        found = connection.execute(select(cookies.c.id).where(cookies.c.token == token)).scalar_one()
        return health.ended(connection, ANN, found, reason, store.clock())


def test_a_cookie_that_works_has_no_cause(store: Store, stub: Stub) -> None:
    saved = store.save("1001")
    store.clock.move(hours=1)
    one = listed(stub)["1001"]
    assert (one.health, one.HasField("health_reason"), one.HasField("cooling_until")) == ("ok", False, False)
    assert one.health_time.ToDatetime(datetime.UTC) == saved.created_time
    assert one.health_message == "Working"
    assert listed(stub, "zh")["1001"].health_message == "可用"


def test_a_reported_death_hands_over_to_the_newest_usable_one(
    store: Store, stub: Stub, collector: Stub
) -> None:
    for token in ("1001", "1002", "1003", "1004"):
        store.save(token)
    for expected in ("1003", "1002", "1001"):
        before = store.current()
        store.clock.move(minutes=1)
        report(collector, "dead")
        one = listed(stub)[before]
        assert (one.health, one.health_reason, one.is_current) == ("dead", "REPORTED", False)
        assert one.health_time.ToDatetime(datetime.UTC) == store.clock()
        assert one.health_message == "A program that used this login reported that it has ended; scan again"
        assert store.current() == expected
    report(collector, "dead")
    assert store.current() == "1001"
    assert listed(stub)["1001"].health == "dead"


def test_a_pause_says_until_when_and_is_over_without_a_write(
    store: Store, stub: Stub, collector: Stub
) -> None:
    store.save("1001")
    report(collector, "rate_limited")
    since, until = store.clock(), store.clock() + datetime.timedelta(hours=1)
    one = listed(stub)["1001"]
    assert (one.health, one.health_reason) == ("cooling_down", "REPORTED")
    assert one.health_time.ToDatetime(datetime.UTC) == since
    assert one.cooling_until.ToDatetime(datetime.UTC) == until
    assert one.health_message.startswith(
        "A program that used this login reported that WeChat limits its rate; "
    )
    store.clock.move(hours=2)
    one = listed(stub)["1001"]
    assert (one.health, one.HasField("health_reason"), one.HasField("cooling_until")) == ("ok", False, False)
    assert one.health_time.ToDatetime(datetime.UTC) == until
    report(collector, "ok")
    assert listed(stub)["1001"].health_time.ToDatetime(datetime.UTC) == until


def test_a_cookie_that_cools_down_is_handed_over_to_only_if_no_other_is_usable(
    store: Store, stub: Stub, collector: Stub
) -> None:
    for token in ("1001", "1002", "1003"):
        store.save(token)
    stub.ChangeCookie(pb.ChangeCookieRequest(token="1002"), metadata=bearer(ANN))
    report(collector, "rate_limited")
    stub.ChangeCookie(pb.ChangeCookieRequest(token="1003"), metadata=bearer(ANN))
    report(collector, "dead")
    assert store.current() == "1001"
    report(collector, "dead")
    assert store.current() == "1002"


def test_the_first_cause_is_kept(store: Store, stub: Stub) -> None:
    store.save("1001")
    assert ended(store, "1001", HealthReason.RET_200003)
    since = store.clock()
    store.clock.move(hours=1)
    assert not ended(store, "1001", HealthReason.HOME_PAGE_LOGGED_OUT)
    one = listed(stub)["1001"]
    assert (one.health_reason, one.health_time.ToDatetime(datetime.UTC)) == ("RET_200003", since)


def test_the_death_of_another_one_leaves_the_current_one_alone(store: Store) -> None:
    store.save("1001")
    store.save("1002")
    store.save("1003")
    ended(store, "1001", HealthReason.RET_200040)
    assert store.current() == "1003"


@pytest.mark.parametrize("state", ["dead", "cooling_down"])
@pytest.mark.parametrize("reason", ["", *HealthReason])
def test_each_cause_has_its_words_and_a_next_step(state: str, reason: str) -> None:
    message = health_message(state, reason)
    step = ("请重新扫码登录", "scan again") if state == "dead" else ("自动恢复", "works again by itself")
    assert step[0] in message.zh
    assert step[1] in message.en
