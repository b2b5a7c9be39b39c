"""What a customer does to their cookies is recorded when it changes something, and has a rate."""

from collections.abc import Callable

import grpc
import pytest
from sqlalchemy import select

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as pb_grpc
from services.wechat_cookie.audit_tables import audit
from tests.service.wechat_cookie.api.conftest import CHANGES_AN_HOUR, bearer, refusal, retry_seconds
from tests.service.wechat_cookie.store import ANN, BOB, Store

Stub = pb_grpc.WeChatCookieServiceStub


def recorded(store: Store) -> list[str]:
    """The recorded actions, of which no row has an e-mail."""
    with store.database.reading() as connection:
        entries = connection.execute(select(audit.log).order_by(audit.log.c.id)).all()
    assert not any(entry.actor_email or "@" in str(entry.details) for entry in entries)
    return [entry.action for entry in entries]


def choose(stub: Stub, number: int) -> None:
    """Chooses one of two cookies in turns."""
    stub.ChangeCookie(pb.ChangeCookieRequest(token=str(1001 + number % 2)), metadata=bearer(ANN))


def delete(stub: Stub, number: int) -> None:
    stub.DeleteCookie(pb.DeleteCookieRequest(token=str(1001 + number)), metadata=bearer(ANN))


def test_choosing_what_is_current_already_is_not_recorded(store: Store, stub: Stub) -> None:
    store.save("1001")
    store.save("1002")
    for _ in range(CHANGES_AN_HOUR + 1):
        chosen = stub.ChangeCookie(pb.ChangeCookieRequest(token="1002"), metadata=bearer(ANN))
        assert chosen.is_current
    assert recorded(store) == []
    choose(stub, 0)
    assert recorded(store) == ["cookie_chosen"]


@pytest.mark.parametrize(("act", "action"), [(choose, "cookie_chosen"), (delete, "cookie_deleted")])
def test_each_recorded_call_has_a_rate(
    store: Store, stub: Stub, act: Callable[[Stub, int], None], action: str
) -> None:
    for number in range(CHANGES_AN_HOUR + 1):
        store.save(str(1001 + number))
    store.save("2001", BOB)
    for number in range(CHANGES_AN_HOUR):
        act(stub, number)
    with pytest.raises(grpc.RpcError) as refused:
        act(stub, CHANGES_AN_HOUR)
    assert refusal(refused.value)[:2] == ("RESOURCE_EXHAUSTED", "COOKIE_CHANGES_THROTTLED")
    assert 0 < retry_seconds(refused.value) <= 3600
    assert recorded(store) == [action] * CHANGES_AN_HOUR
    stub.DeleteCookie(pb.DeleteCookieRequest(token="2001"), metadata=bearer(BOB))
    store.clock.move(minutes=61)
    act(stub, CHANGES_AN_HOUR)
