"""Streams beyond a limit are refused by the service as it is put together, and others' logins go on."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from deploy.wechat_emulator.running import RunningEmulator, running_emulator
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as pb_grpc
from services.chassis.errors import reason_of
from services.wechat_cookie.composition import WeChatCookie
from tests.service.identity.replicas import Account
from tests.service.wechat_cookie.replica.conftest import IdentityReplica, Surroundings
from tests.support.waiting import wait_until

ORDINARY_SECONDS = 5.0


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with running_emulator(tls=True, seed=1) as running:
        yield running


def with_emulator(emulator: RunningEmulator, **others: object) -> dict[str, object]:
    return {"wechat_base_url": emulator.base_url, "wechat_ca_file": emulator.ca_file, **others}


def callback_stub(surroundings: Surroundings, replica: WeChatCookie) -> pb_grpc.WeChatCookieServiceStub:
    """A stub whose streams report their end although they are not read, unlike those of the services' channels."""
    tls = surroundings.certificates["gateway"]
    pem = (tls.ca_file.read_bytes(), tls.key_file.read_bytes(), tls.certificate_file.read_bytes())
    options = (("grpc.ssl_target_name_override", "wechat_cookie"),)
    address = f"127.0.0.1:{replica.server.port}"
    channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(*pem), options)
    surroundings.held.callback(channel.close)
    return pb_grpc.WeChatCookieServiceStub(channel)


class Flood:
    """WatchLogins of one login, opened without waiting for any of them. `stub` is a callback_stub()."""

    def __init__(self, stub: pb_grpc.WeChatCookieServiceStub, account: Account, key: str, many: int) -> None:
        self._lock = threading.Lock()
        self.refused = 0
        self.codes: set[grpc.StatusCode] = set()
        self._calls: list[Any] = []
        for _ in range(many):
            call: Any = stub.WatchLogin(
                pb.WatchLoginRequest(login_key=key), metadata=account.bearer, timeout=60
            )
            call.add_done_callback(self._done)
            self._calls.append(call)

    def _done(self, call: Any) -> None:
        with self._lock:
            self.codes.add(call.code())
            self.refused += 1

    def end(self) -> None:
        for call in self._calls:
            call.cancel()


def begin(stub: pb_grpc.WeChatCookieServiceStub, account: Account) -> pb.BeginLoginResponse:
    return stub.BeginLogin(pb.BeginLoginRequest(), metadata=account.bearer, timeout=ORDINARY_SECONDS)


@pytest.mark.parametrize("many", [300, pytest.param(4000, marks=pytest.mark.long)])
def test_the_streams_of_one_account_keep_nobody_from_logging_in(
    surroundings: Surroundings, identity: IdentityReplica, emulator: RunningEmulator, many: int
) -> None:
    ann, bob = identity.active_account("ann"), identity.active_account("bob")
    replica = surroundings.start(identity.address, **with_emulator(emulator))
    stub = surroundings.stub(replica, "gateway")
    flood = Flood(callback_stub(surroundings, replica), ann, begin(stub, ann).login_key, many)
    start = time.monotonic()
    answer = begin(surroundings.stub(replica, "gateway"), bob)
    assert answer.status == "pending"
    assert answer.qrcode_base64
    assert time.monotonic() - start < ORDINARY_SECONDS
    wait_until(lambda: flood.refused == many - 8, "all but eight are refused")
    assert flood.codes == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    with pytest.raises(grpc.RpcError) as refused:
        begin(stub, ann)
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    flood.end()
    wait_until(lambda: flood.refused == many, "all have ended")
    assert begin(stub, ann).status == "pending"


def test_a_stream_beyond_the_replicas_bound_is_refused_although_all_threads_of_streams_wait(
    surroundings: Surroundings, identity: IdentityReplica, emulator: RunningEmulator
) -> None:
    ann, bob = identity.active_account("ann"), identity.active_account("bob")
    replica = surroundings.start(identity.address, **with_emulator(emulator, max_streams=4))
    stub = surroundings.stub(replica, "gateway")
    flood = Flood(callback_stub(surroundings, replica), ann, begin(stub, ann).login_key, 8)
    wait_until(lambda: flood.refused == 4, "half of them are refused")
    with pytest.raises(grpc.RpcError) as refused:
        begin(stub, bob)
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert reason_of(refused.value) == "TOO_MANY_STREAMS"
    flood.end()
