"""An account may manage its own cookies, and cannot see those of others."""

import datetime
import uuid
from typing import Any

import grpc
import pytest
from google.api import httpbody_pb2
from sqlalchemy import event

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as pb_grpc
from services.wechat_cookie.cookies import saving
from services.wechat_cookie.mp.images import Image
from tests.service.wechat_cookie.api.conftest import Api, bearer, refusal
from tests.service.wechat_cookie.store import ANN, BOB, JPEG, NOW, SECRET, Store

Stub = pb_grpc.WeChatCookieServiceStub
BAD_TOKENS = ["", "../x", "..", "1/2", "１２３", "1" * 21, "-1", "1 ", "1\n", "0x1", "一"]


def give_avatar(store: Store, cookie_id: uuid.UUID, content_type: str = "image/jpeg") -> None:
    with store.database.transaction() as connection:
        saving.complete(connection, cookie_id, "某公众号", "https://q/a", Image(JPEG, content_type))


def test_the_list_shows_the_callers_own_newest_first_without_values(store: Store, stub: Stub) -> None:
    first = store.save("1001", ANN)
    store.save("2001", BOB)
    store.save("1002", ANN)
    give_avatar(store, first.id)
    answer = stub.ListCookies(pb.ListCookiesRequest(), metadata=bearer(ANN))
    assert [(one.token, one.is_current) for one in answer.items] == [("1002", True), ("1001", False)]
    older = answer.items[1]
    assert older.id == str(first.id)
    assert older.owner_email == "Ann@example.com"
    assert older.created_time.ToDatetime(tzinfo=datetime.UTC) == NOW + datetime.timedelta(seconds=1)
    assert older.expire_time.ToDatetime(tzinfo=datetime.UTC) == first.created_time + saving.LIFETIME
    assert (older.name, older.avatar_url) == ("某公众号", "https://q/a")
    assert older.avatar == "/static/cookies/1001/avatar.jpg"
    assert older.local == "static/cookies/1001"
    assert older.health == "ok"
    assert answer.items[0].avatar == ""
    assert SECRET.encode() not in answer.SerializeToString()


def test_expired_cookies_are_not_listed(store: Store, stub: Stub) -> None:
    store.save("1001")
    store.clock.move(hours=88)
    assert not stub.ListCookies(pb.ListCookiesRequest(), metadata=bearer(ANN)).items
    with pytest.raises(grpc.RpcError) as refused:
        stub.GetCurrentCookie(pb.GetCurrentCookieRequest(), metadata=bearer(ANN))
    assert refusal(refused.value)[:2] == ("NOT_FOUND", "COOKIE_NOT_FOUND")


def test_without_cookies_there_is_no_current_one(stub: Stub) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        stub.GetCurrentCookie(pb.GetCurrentCookieRequest(), metadata=bearer(ANN))
    assert refusal(refused.value)[:2] == ("NOT_FOUND", "COOKIE_NOT_FOUND")


def test_changing_makes_another_one_current(store: Store, stub: Stub) -> None:
    store.save("1001")
    store.save("1002")
    changed = stub.ChangeCookie(pb.ChangeCookieRequest(token="1001"), metadata=bearer(ANN))
    assert (changed.token, changed.is_current) == ("1001", True)
    assert stub.GetCurrentCookie(pb.GetCurrentCookieRequest(), metadata=bearer(ANN)).token == "1001"


def test_row_and_folder_are_gone_when_a_deletion_answers(store: Store, stub: Stub) -> None:
    store.save("1001")
    store.save("1002")
    store.folders.reconcile()
    answer = stub.DeleteCookie(pb.DeleteCookieRequest(token="1002"), metadata=bearer(ANN))
    assert answer.status == "ok"
    assert not (store.root / "1002").exists()
    assert (store.root / "1001").exists()
    assert store.tokens() == ["1001"]
    assert store.current() == "1001"
    with pytest.raises(grpc.RpcError) as refused:
        stub.DeleteCookie(pb.DeleteCookieRequest(token="1002"), metadata=bearer(ANN))
    assert refusal(refused.value)[:2] == ("NOT_FOUND", "COOKIE_NOT_FOUND")


def test_anothers_cookie_does_not_exist_also_not_for_admins(store: Store, api: Api, stub: Stub) -> None:
    give_avatar(store, store.save("2001", BOB).id)
    store.folders.reconcile()
    api.accounts.put(ANN, role="admin")
    calls: list[tuple[Any, Any]] = [
        (stub.ChangeCookie, pb.ChangeCookieRequest(token="2001")),
        (stub.DeleteCookie, pb.DeleteCookieRequest(token="2001")),
        (stub.GetAvatar, pb.GetAvatarRequest(token="2001")),
    ]
    for call, request in calls:
        with pytest.raises(grpc.RpcError) as refused:
            call(request, metadata=bearer(ANN))
        assert refusal(refused.value)[:2] == ("NOT_FOUND", "COOKIE_NOT_FOUND")
    assert not stub.ListCookies(pb.ListCookiesRequest(), metadata=bearer(ANN)).items
    assert (store.root / "2001").exists()


def test_what_is_no_token_is_refused_before_anything_is_looked_up(store: Store, stub: Stub) -> None:
    store.save("1001")
    store.folders.reconcile()
    for token in BAD_TOKENS:
        calls: list[tuple[Any, Any]] = [
            (stub.ChangeCookie, pb.ChangeCookieRequest(token=token)),
            (stub.DeleteCookie, pb.DeleteCookieRequest(token=token)),
            (stub.GetAvatar, pb.GetAvatarRequest(token=token)),
        ]
        for call, request in calls:
            with pytest.raises(grpc.RpcError) as refused:
                call(request, metadata=bearer(ANN))
            assert refusal(refused.value)[:2] == ("INVALID_ARGUMENT", "INVALID_ARGUMENT"), token
    assert (store.root / "1001" / "cookie.json").exists()


def test_the_owner_gets_the_avatar_as_an_image_of_its_own_type(store: Store, stub: Stub) -> None:
    give_avatar(store, store.save("1001").id, "image/png")
    body, call = stub.GetAvatar.with_call(pb.GetAvatarRequest(token="1001"), metadata=bearer(ANN))
    assert body == httpbody_pb2.HttpBody(content_type="image/png", data=JPEG)
    headers = dict(call.initial_metadata())
    assert headers["cache-control"] == "private, max-age=300"
    assert headers["x-content-type-options"] == "nosniff"


def test_a_cookie_without_an_avatar_says_so(store: Store, stub: Stub) -> None:
    store.save("1001")
    with pytest.raises(grpc.RpcError) as refused:
        stub.GetAvatar(pb.GetAvatarRequest(token="1001"), metadata=bearer(ANN))
    assert refusal(refused.value)[:2] == ("NOT_FOUND", "AVATAR_NOT_FOUND")


def test_an_account_without_access_gets_nothing(store: Store, api: Api, stub: Stub) -> None:
    give_avatar(store, store.save("1001").id)
    api.accounts.put(ANN, status="pending")
    calls: list[tuple[Any, Any]] = [
        (stub.ListCookies, pb.ListCookiesRequest()),
        (stub.GetCurrentCookie, pb.GetCurrentCookieRequest()),
        (stub.GetAvatar, pb.GetAvatarRequest(token="1001")),
        (stub.DeleteCookie, pb.DeleteCookieRequest(token="1001")),
    ]
    for call, request in calls:
        with pytest.raises(grpc.RpcError) as refused:
            call(request, metadata=bearer(ANN))
        assert refusal(refused.value)[:2] == ("PERMISSION_DENIED", "ACCOUNT_NOT_ACTIVATED")
    assert store.count(ANN) == 1


def test_reading_is_one_statement_that_fetches_neither_jar_nor_avatar(store: Store, stub: Stub) -> None:
    for number in range(3):
        give_avatar(store, store.save(str(1001 + number)).id)
    statements: list[str] = []
    engine = store.database._engine
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    stub.ListCookies(pb.ListCookiesRequest(), metadata=bearer(ANN))
    stub.GetCurrentCookie(pb.GetCurrentCookieRequest(), metadata=bearer(ANN))
    stub.GetAvatar(pb.GetAvatarRequest(token="1001"), metadata=bearer(ANN))
    assert len(statements) == 3
    for statement in statements[:2]:
        assert "jar" not in statement
        assert "cookies.avatar," not in statement


def test_the_list_is_bounded(store: Store, stub: Stub) -> None:
    with store.database.transaction() as connection:
        for number in range(203):
            store.clock.move(seconds=1)
            saving.save(connection, store.vault, store.new(str(1000 + number)))
    answer = stub.ListCookies(pb.ListCookiesRequest(), metadata=bearer(ANN))
    assert [one.token for one in answer.items] == [str(1000 + number) for number in range(202, 2, -1)]
