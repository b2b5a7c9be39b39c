"""Real replicas of Activation in this process, and callers of them over mutual TLS."""

import datetime
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

import grpc

from fastmp.activation.v1 import activation_service_pb2 as pb
from fastmp.activation.v1 import activation_service_pb2_grpc as pb_grpc
from services.activation.composition import Activation
from services.activation.settings import ActivationSettings
from services.chassis.channels import channel
from services.chassis.errors import reason_of
from services.chassis.mutual_tls import TlsFiles
from tests.service.scripted_identity import Account


class HasNow(Protocol):
    """A clock."""

    def now(self) -> datetime.datetime: ...


UNKNOWN_CODE = "0123456789abcdef" * 2


@dataclass(frozen=True)
class Replica:
    """A replica and a stub of it for callers behind the gateway."""

    activation: Activation
    stub: pb_grpc.ActivationServiceStub

    def batch(
        self, admin: Account, count: int = 1, valid_days: int = 30, **terms: object
    ) -> pb.GenerateCodesResponse:
        request = pb.GenerateCodesRequest(valid_days=valid_days, count=count, **terms)  # type: ignore[arg-type]
        return self.stub.GenerateCodes(request, metadata=admin.bearer)

    def generate(self, admin: Account, count: int = 1, valid_days: int = 30) -> list[pb.Code]:
        return list(self.batch(admin, count, valid_days).codes)

    def new_code(self, admin: Account, valid_days: int = 30, **terms: object) -> str:
        return self.batch(admin, 1, valid_days, **terms).codes[0].activation_code

    def batches(self, admin: Account, **wanted: object) -> pb.ListBatchesResponse:
        request = pb.ListBatchesRequest(**wanted)  # type: ignore[arg-type]
        return self.stub.ListBatches(request, metadata=admin.bearer)

    def revoke_batch(self, admin: Account, batch_id: str) -> pb.Batch:
        return self.stub.RevokeBatch(pb.RevokeBatchRequest(batch_id=batch_id), metadata=admin.bearer)

    def activate(self, account: Account, code: str) -> pb.ActivateResponse:
        return self.stub.Activate(pb.ActivateRequest(activation_code=code), metadata=account.bearer)

    def preview(self, account: Account, code: str) -> pb.PreviewActivationResponse:
        request = pb.PreviewActivationRequest(activation_code=code)
        return self.stub.PreviewActivation(request, metadata=account.bearer)

    def get(self, admin: Account, code: str) -> pb.Code:
        return self.stub.GetCode(pb.GetCodeRequest(activation_code=code), metadata=admin.bearer)

    def update(self, admin: Account, code: str, **changes: object) -> pb.Code:
        request = pb.UpdateCodeRequest(activation_code=code, **changes)  # type: ignore[arg-type]
        return self.stub.UpdateCode(request, metadata=admin.bearer)

    def revoke(self, admin: Account, code: str) -> pb.Code:
        return self.stub.RevokeCode(pb.RevokeCodeRequest(activation_code=code), metadata=admin.bearer)

    def delete(self, admin: Account, code: str) -> pb.DeleteCodeResponse:
        return self.stub.DeleteCode(pb.DeleteCodeRequest(activation_code=code), metadata=admin.bearer)

    def list(self, admin: Account, **wanted: object) -> pb.ListCodesResponse:
        request = pb.ListCodesRequest(**wanted)  # type: ignore[arg-type]
        return self.stub.ListCodes(request, metadata=admin.bearer)


@contextmanager
def running(
    database_url: str,
    certificates: Mapping[str, TlsFiles],
    identity_address: str,
    clock: HasNow,
    **others: object,
) -> Iterator[Replica]:
    """A replica that answers."""
    tls = certificates["activation"]
    values: dict[str, object] = {
        "activation_database_url": database_url,
        "activation_port": 0,
        "activation_ops_port": 0,
        "activation_metrics_port": 0,
        "identity_address": identity_address,
        "tls_ca_file": tls.ca_file,
        "tls_certificate_file": tls.certificate_file,
        "tls_key_file": tls.key_file,
        "audit_key": "test-only-audit-key-5f2c9e71b8d04a36",
        "drain_seconds": 0,
    }
    settings = ActivationSettings.model_validate(values | others)
    activation = Activation(settings, clock.now)
    activation.lifecycle.start()
    with ExitStack() as held:
        held.callback(activation.lifecycle.stop, 0)
        address = f"127.0.0.1:{activation.server.port}"
        connection = channel(address, "activation", certificates["gateway"])
        held.callback(connection.close)
        yield Replica(activation, pb_grpc.ActivationServiceStub(connection))


def refusal(call: Callable[[], object]) -> tuple[grpc.StatusCode, str | None]:
    """Code and reason of a call that must fail."""
    try:
        call()
    except grpc.RpcError as error:
        return refused(error)
    raise AssertionError("the call was let in")


def refused(error: grpc.RpcError) -> tuple[grpc.StatusCode, str | None]:
    """Code and reason of a call that failed."""
    return error.code(), reason_of(error)


def at_once(calls: Sequence[Callable[[], object]]) -> list[object]:
    """What each call gave or raised (a gRPC error), all made from threads that start together."""
    outcomes: list[object] = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def run(number: int) -> None:
        gate.wait()
        try:
            outcomes[number] = calls[number]()
        except grpc.RpcError as error:
            outcomes[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
