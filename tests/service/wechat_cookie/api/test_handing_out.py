"""Internal programs get a cookie with its values, by certificate; each hand-out is recorded, and reports count."""

import datetime
import itertools
import uuid
from collections.abc import Callable

import grpc
import pytest
from sqlalchemy import select, update

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as pb_grpc
from services.wechat_cookie.cookies.handing_out import Acquisition
from services.wechat_cookie.cookies.tables import acquisitions, cookies
from services.wechat_cookie.mp.cookies import Cookie as MpCookie
from services.wechat_cookie.mp.cookies import MpCookies
from tests.service.wechat_cookie.api.conftest import Api, bearer, refusal
from tests.service.wechat_cookie.store import ANN, BOB, JAR, SECRET, Store

Stub = pb_grpc.WeChatCookieServiceStub

BAD_REQUESTS = [
    pb.AcquireCookieRequest(),
    pb.AcquireCookieRequest(owner_id=""),
    pb.AcquireCookieRequest(owner_id="not-a-uuid"),
    pb.AcquireCookieRequest(owner_id="{00000000-0000-4000-8000-00000000000a}"),
    pb.AcquireCookieRequest(owner_email=""),
    pb.AcquireCookieRequest(owner_email="a\x00@example.com"),
    pb.AcquireCookieRequest(owner_email="a" * 255),
    pb.AcquireCookieRequest(owner_id=str(ANN), token="../1001"),
    pb.AcquireCookieRequest(owner_id=str(ANN), token=""),
]

NOT_THERE = [
    pb.AcquireCookieRequest(owner_id=str(uuid.UUID(int=5))),
    pb.AcquireCookieRequest(owner_email="nobody@example.com"),
    pb.AcquireCookieRequest(owner_id=str(ANN), token="2001"),
    pb.AcquireCookieRequest(owner_id=str(ANN), token="9999"),
]


def acquire(stub: Stub, owner: uuid.UUID = ANN, token: str | None = None) -> pb.AcquireCookieResponse:
    return stub.AcquireCookie(pb.AcquireCookieRequest(owner_id=str(owner), token=token))


def report(stub: Stub, acquired: pb.AcquireCookieResponse, outcome: str) -> str:
    request = pb.ReportCookieRequest(acquisition_id=acquired.acquisition_id, outcome=outcome)
    return stub.ReportCookie(request).health


def refused_acquire(stub: Stub, request: pb.AcquireCookieRequest) -> tuple[str, str, dict[str, str]]:
    with pytest.raises(grpc.RpcError) as refused:
        stub.AcquireCookie(request)
    return refusal(refused.value)


def test_the_current_cookie_comes_with_its_values(store: Store, collector: Stub) -> None:
    store.save("1001")
    saved = store.save("1002")
    acquired = acquire(collector)
    assert acquired.cookie.id == str(saved.id)
    assert acquired.cookie_header == f"slave_sid={SECRET}; data_ticket=canary-ticket"
    first, second = acquired.values
    assert (first.name, first.value, first.domain, first.path) == (
        "slave_sid",
        SECRET,
        "mp.weixin.qq.com",
        "/",
    )
    assert first.expire_time.ToSeconds() == 4102444800
    assert second.name == "data_ticket"
    assert not second.HasField("expire_time")


def test_a_certain_cookie_is_handed_out_by_token(store: Store, collector: Stub) -> None:
    store.save("1001")
    store.save("1002")
    assert acquire(collector, token="1001").cookie.token == "1001"


def test_the_owner_is_found_by_e_mail_in_any_case_and_not_by_a_pattern(store: Store, collector: Stub) -> None:
    store.save("1001", ANN)
    store.save("2001", BOB)
    for spelling in ("ann@example.com", "ANN@EXAMPLE.COM", "Ann@example.com"):
        acquired = collector.AcquireCookie(pb.AcquireCookieRequest(owner_email=spelling))
        assert acquired.cookie.token == "1001"
    refused = refused_acquire(collector, pb.AcquireCookieRequest(owner_email="%@example.com"))
    assert refused[:2] == ("NOT_FOUND", "COOKIE_NOT_FOUND")


def test_each_hand_out_is_recorded_and_the_record_outlives_the_cookie(
    store: Store, stub: Stub, collector: Stub
) -> None:
    saved = store.save("1001")
    metadata = (("x-request-id", "request-number-1"),)
    first = collector.AcquireCookie(pb.AcquireCookieRequest(owner_id=str(ANN)), metadata=metadata)
    second = acquire(collector)
    assert first.acquisition_id != second.acquisition_id
    stub.DeleteCookie(pb.DeleteCookieRequest(token="1001"), metadata=bearer(ANN))
    with store.database.reading() as connection:
        found = connection.execute(select(acquisitions)).all()
    record = next(one for one in found if str(one.id) == first.acquisition_id)
    assert len(found) == 2
    assert record._mapping == {
        "id": uuid.UUID(first.acquisition_id),
        "cookie_id": saved.id,
        "token": "1001",
        "owner_id": ANN,
        "owner_email": "Ann@example.com",
        "caller": "collector",
        "request_id": "request-number-1",
        "client_address": "127.0.0.1",
        "acquired_time": store.clock(),
        "outcome": None,
        "reported_time": None,
    }
    assert report(collector, second, "ok") == "dead"


def test_only_the_collector_gets_values(store: Store, api: Api) -> None:
    store.save("1001")
    api.accounts.put(ANN, role="admin")
    acquired = acquire(api.stub("collector"))
    calls: tuple[Callable[[Stub], object], ...] = (
        lambda stub: stub.AcquireCookie(pb.AcquireCookieRequest(owner_id=str(ANN)), metadata=bearer(ANN)),
        lambda stub: stub.ReportCookie(
            pb.ReportCookieRequest(acquisition_id=acquired.acquisition_id, outcome="dead"),
            metadata=bearer(ANN),
        ),
    )
    for call, caller in itertools.product(
        calls, ("gateway", "identity", "activation", "wechat_cookie", "ops")
    ):
        with pytest.raises(grpc.RpcError) as refused:
            call(api.stub(caller))
        assert refusal(refused.value)[:2] == ("PERMISSION_DENIED", "CALLER_NOT_ALLOWED")
    with store.database.reading() as connection:
        assert connection.execute(select(cookies.c.health)).scalar_one() == "ok"
        assert len(connection.execute(select(acquisitions)).all()) == 1


def test_bad_requests_are_refused(store: Store, collector: Stub) -> None:
    store.save("1001")
    for request in BAD_REQUESTS:
        refused = refused_acquire(collector, request)
        assert refused[:2] == ("INVALID_ARGUMENT", "INVALID_ARGUMENT"), request


def test_what_is_not_there_is_not_found(store: Store, collector: Stub) -> None:
    store.save("1001", ANN)
    store.save("2001", BOB)
    for request in NOT_THERE:
        assert refused_acquire(collector, request)[:2] == ("NOT_FOUND", "COOKIE_NOT_FOUND"), request


def test_an_expired_cookie_is_not_handed_out(store: Store, collector: Stub) -> None:
    store.save("1001")
    store.clock.move(hours=88)
    refused = refused_acquire(collector, pb.AcquireCookieRequest(owner_id=str(ANN)))
    assert refused[:2] == ("NOT_FOUND", "COOKIE_NOT_FOUND")


def test_cookies_of_an_owner_without_access_are_not_handed_out(
    store: Store, api: Api, collector: Stub
) -> None:
    store.save("1001")
    for status in ("pending", "revoked", "expired"):
        api.accounts.put(ANN, status=status)
        refused = refused_acquire(collector, pb.AcquireCookieRequest(owner_id=str(ANN)))
        assert refused[:2] == ("FAILED_PRECONDITION", "OWNER_NOT_ACTIVE")
    api.accounts.put(ANN, role="admin", status="pending")
    assert acquire(collector).cookie.token == "1001"


def test_cookies_of_a_deleted_owner_are_not_handed_out_before_the_cascade_comes(
    store: Store, api: Api, collector: Stub
) -> None:
    store.save("1001")
    del api.accounts.known[str(ANN)]
    refused = refused_acquire(collector, pb.AcquireCookieRequest(owner_id=str(ANN)))
    assert refused[:2] == ("FAILED_PRECONDITION", "OWNER_NOT_ACTIVE")


def test_nothing_is_handed_out_while_identity_cannot_be_asked(
    store: Store, api: Api, collector: Stub
) -> None:
    store.save("1001")
    api.accounts.reachable = False
    refused = refused_acquire(collector, pb.AcquireCookieRequest(owner_id=str(ANN)))
    assert refused[:2] == ("UNAVAILABLE", "IDENTITY_UNAVAILABLE")
    with store.database.reading() as connection:
        assert connection.execute(select(acquisitions)).first() is None


def test_a_dead_cookie_is_not_handed_out_again(store: Store, stub: Stub, collector: Stub) -> None:
    store.save("1001")
    acquired = acquire(collector)
    assert report(collector, acquired, "dead") == "dead"
    refused = refused_acquire(collector, pb.AcquireCookieRequest(owner_id=str(ANN)))
    assert refused == ("FAILED_PRECONDITION", "COOKIE_UNUSABLE", {"health": "dead"})
    assert stub.GetCurrentCookie(pb.GetCurrentCookieRequest(), metadata=bearer(ANN)).health == "dead"


def test_nothing_revives_a_dead_cookie(store: Store, collector: Stub) -> None:
    store.save("1001")
    acquired = [acquire(collector) for _ in range(4)]
    assert [
        report(collector, one, outcome)
        for one, outcome in zip(acquired, ("dead", "ok", "rate_limited", "error"), strict=True)
    ] == ["dead"] * 4


def test_a_rate_limited_cookie_cools_down_and_each_limit_in_a_row_doubles_the_pause(
    store: Store, collector: Stub
) -> None:
    store.save("1001")
    for hours in (1, 2, 4, 8, 16, 24, 24):
        # The cookie itself outlives none of the longer pauses, and that is not what this is about.
        with store.database.transaction() as connection:
            connection.execute(update(cookies).values(expire_time=store.clock() + datetime.timedelta(days=4)))
        assert report(collector, acquire(collector), "rate_limited") == "cooling_down"
        until = store.clock() + datetime.timedelta(hours=hours)
        refused = refused_acquire(collector, pb.AcquireCookieRequest(owner_id=str(ANN)))
        assert refused[1:] == (
            "COOKIE_UNUSABLE",
            {"health": "cooling_down", "cooling_until": until.isoformat()},
        )
        store.clock.move(hours=hours, seconds=-1)
        refused_acquire(collector, pb.AcquireCookieRequest(owner_id=str(ANN)))
        store.clock.move(seconds=1)
    assert report(collector, acquire(collector), "ok") == "ok"
    assert report(collector, acquire(collector), "rate_limited") == "cooling_down"
    store.clock.move(hours=1)
    assert acquire(collector).cookie.health == "ok"


def test_programs_that_had_the_cookie_at_once_make_one_pause_of_one_limit(
    store: Store, collector: Stub
) -> None:
    store.save("1001")
    acquired = [acquire(collector) for _ in range(4)]
    store.clock.move(minutes=1)
    report(collector, acquired[0], "rate_limited")
    until = store.clock() + datetime.timedelta(hours=1)
    store.clock.move(minutes=1)
    # What was handed out before the limit neither prolongs the pause nor ends it.
    assert report(collector, acquired[1], "rate_limited") == "cooling_down"
    assert report(collector, acquired[2], "ok") == "cooling_down"
    with store.database.reading() as connection:
        assert connection.execute(select(cookies.c.cooling_until)).scalar_one() == until
    # But a dead session is recorded whichever caller reports it.
    assert report(collector, acquired[3], "dead") == "dead"


def test_the_first_report_of_a_hand_out_counts(store: Store, collector: Stub) -> None:
    store.save("1001")
    acquired = acquire(collector)
    assert report(collector, acquired, "error") == "ok"
    assert report(collector, acquired, "dead") == "ok"
    assert acquire(collector).cookie.health == "ok"
    with store.database.reading() as connection:
        reported = connection.execute(select(acquisitions).where(acquisitions.c.outcome.is_not(None))).one()
    assert (reported.outcome, reported.reported_time) == ("error", store.clock())


def test_a_report_about_a_replaced_cookie_says_nothing_of_the_new_one(store: Store, collector: Stub) -> None:
    store.save("1001", original_id="gh_a")
    acquired = acquire(collector)
    # The same official account, and even the same token.
    store.save("1001", original_id="gh_a")
    assert report(collector, acquired, "dead") == "dead"
    assert acquire(collector).cookie.health == "ok"


def test_an_unknown_outcome_is_refused(store: Store, collector: Stub) -> None:
    store.save("1001")
    acquired = acquire(collector)
    for outcome in ("", "DEAD", "unknown"):
        with pytest.raises(grpc.RpcError) as refused:
            report(collector, acquired, outcome)
        assert refusal(refused.value)[:2] == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")


def test_a_report_about_no_hand_out_is_not_found(collector: Stub) -> None:
    request = pb.ReportCookieRequest(acquisition_id=str(uuid.uuid4()), outcome="ok")
    with pytest.raises(grpc.RpcError) as refused:
        collector.ReportCookie(request)
    assert refusal(refused.value)[:2] == ("NOT_FOUND", "ACQUISITION_NOT_FOUND")


def test_values_appear_in_no_error_and_no_repr(store: Store, collector: Stub) -> None:
    saved = store.save("1001")
    with store.database.transaction() as connection:
        # A row that was tampered with is a fault, and the caller learns nothing of it.
        connection.execute(update(cookies).values(jar=store.vault.encrypt(SECRET.encode())))
    with pytest.raises(grpc.RpcError) as refused:
        acquire(collector)
    assert refusal(refused.value)[:2] == ("INTERNAL", "INTERNAL")
    assert SECRET not in str(refused.value)
    assert SECRET not in repr(Acquisition(ANN, saved, JAR))


def test_an_absurd_expiry_of_wechats_cookie_is_told_as_the_end_of_the_calendar(
    store: Store, collector: Stub
) -> None:
    jar = MpCookies([MpCookie(name="a", value="b", domain="mp.weixin.qq.com", expires=2**53)])
    saved = store.save("1001")
    with store.database.transaction() as connection:
        encrypted = store.vault.encrypt(jar.to_json().encode())
        connection.execute(update(cookies).where(cookies.c.id == saved.id).values(jar=encrypted))
    assert acquire(collector).values[0].expire_time.ToJsonString() == "9999-12-31T23:59:59Z"
