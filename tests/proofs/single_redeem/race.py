"""The race: each racer has an account and a connection of its own, and all want the same code."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import grpc

from fastmp.activation.v1 import activation_service_pb2 as pb
from fastmp.activation.v1 import activation_service_pb2_grpc as pb_grpc
from tests.support.direct_calls import bearer, refusal
from tests.support.gateway_calls import GatewayCaller
from tests.support.held_locks import HeldRows
from tests.support.ready_accounts import ReadyAccount

REDEEMED = "redeemed"
GRPC = "gRPC"
REST = "REST"
# The one clean refusal, in the words of each way.
REFUSED = {GRPC: "FAILED_PRECONDITION CODE_ALREADY_USED", REST: "400 CODE_ALREADY_USED"}
CALL_SECONDS = 30.0
# Fewer than one replica has connections to its database: no call is refused for lack of one.
WAITING_AT_ONCE = 16


@dataclass(frozen=True)
class Finish:
    """How one racer fared. `outcome` is REDEEMED or code and reason of the refusal; times are monotonic seconds."""

    account: ReadyAccount
    way: str
    outcome: str
    expired_time: str
    began: float
    ended: float


class Racer(Protocol):
    """A caller that redeems codes for `account` over one route."""

    account: ReadyAccount
    way: str

    def redeem(self, code: str) -> tuple[str, str]:
        """Outcome as in Finish, and the RFC 3339 expired_time of a success."""
        ...


class GrpcRacer:
    """Calls a replica of Activation directly."""

    way = GRPC

    def __init__(self, account: ReadyAccount, channel: grpc.Channel) -> None:
        self.account = account
        self._stub = pb_grpc.ActivationServiceStub(channel)

    def redeem(self, code: str) -> tuple[str, str]:
        request = pb.ActivateRequest(activation_code=code)
        try:
            answer = self._stub.Activate(
                request, metadata=bearer(self.account.token), timeout=CALL_SECONDS, wait_for_ready=True
            )
        except grpc.RpcError as error:
            return refusal(error), ""
        return REDEEMED, answer.expired_time.ToJsonString()


class RestRacer:
    """Calls through Envoy, on a connection that is open already."""

    way = REST

    def __init__(self, account: ReadyAccount, caller: GatewayCaller) -> None:
        self.account = account
        self._caller = caller

    def redeem(self, code: str) -> tuple[str, str]:
        answer = self._caller.post("/activation/activate", activation_code=code)
        return (REDEEMED, str(answer.body["expired_time"])) if answer.ok else (str(answer), "")


def race(racers: Sequence[Racer], code: str, held: HeldRows | None = None) -> list[Finish]:
    """Lets all racers go at the same moment and returns when all are back.

    While `held` keeps the code's row locked, no racer can win; it is released once several racers' statements wait
    for it in the database, so that the race is decided there.
    """
    gate = threading.Barrier(len(racers))

    def run(racer: Racer) -> Finish:
        gate.wait()
        began = time.monotonic()
        outcome, expired_time = racer.redeem(code)
        return Finish(racer.account, racer.way, outcome, expired_time, began, time.monotonic())

    with ThreadPoolExecutor(len(racers), thread_name_prefix="racer") as pool:
        running = [pool.submit(run, racer) for racer in racers]
        if held is not None:
            try:
                held.wait_for_waiters(min(WAITING_AT_ONCE, len(racers) // 2))
            finally:
                held.release()
        return [one.result() for one in running]
