"""An internal program that has cookies handed out to it, over gRPC at the replicas."""

import random
import threading

import grpc

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as pb_grpc
from tests.proofs.chaos.record import Acquisition, Outcome, Record

PAUSE_SECONDS = 0.2
CALL_SECONDS = 10.0
# Nothing was handed out, for sure.
REFUSALS = frozenset({grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION})


def collect(record: Record, channel: grpc.Channel, chance: random.Random, stopping: threading.Event) -> None:
    """Acquires cookies of owners that have some and reports their outcomes, until `stopping` is set."""
    stub = pb_grpc.WeChatCookieServiceStub(channel)
    while not stopping.wait(PAUSE_SECONDS):
        owners = record.owners()
        if owners:
            acquire(record, stub, chance.choice(owners).id)


def acquire(record: Record, stub: pb_grpc.WeChatCookieServiceStub, owner_id: str) -> None:
    """One hand-out and its report."""
    try:
        answer = stub.AcquireCookie(pb.AcquireCookieRequest(owner_id=owner_id), timeout=CALL_SECONDS)
    except grpc.RpcError as error:
        record.count_code(error.code().name)
        record.count("acquire", Outcome.NO if error.code() in REFUSALS else Outcome.MAYBE)
        return
    record.count("acquire", Outcome.YES)
    record.add_acquisition(Acquisition(answer.acquisition_id, answer.cookie.token, owner_id))
    report = pb.ReportCookieRequest(acquisition_id=answer.acquisition_id, outcome="ok")
    try:
        stub.ReportCookie(report, timeout=CALL_SECONDS)
    except grpc.RpcError as error:
        record.count_code(error.code().name)
        record.count("report", Outcome.MAYBE)
    else:
        record.count("report", Outcome.YES)
