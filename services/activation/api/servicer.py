"""The ActivationService's RPCs: protobuf in, calls, protobuf out."""

import datetime
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import grpc
from google.api.httpbody_pb2 import HttpBody

from fastmp.activation.v1 import activation_service_pb2 as pb
from fastmp.activation.v1 import activation_service_pb2_grpc as pb_grpc
from services.activation.api.messages import message_of, new_codes, timestamp_of
from services.activation.api.requests import (
    CodeValues,
    ExportCodesValues,
    GenerateCodesValues,
    ListCodesValues,
    UpdateCodeValues,
)
from services.activation.codes import codes, deletion
from services.activation.codes.export import Exports
from services.activation.codes.generation import Generation, generate
from services.activation.codes.listing import read_page
from services.activation.codes.stalled_clients import cancelled_when_stalled
from services.activation.redeeming.claiming import Claimant
from services.activation.redeeming.fulfilment import FulfilmentAtOnce
from services.activation.redeeming.redemption import Redemption
from services.chassis.audit.api import AuditReader, AuditRpcs
from services.chassis.audit.recording import AuditLog, Event
from services.chassis.context import caller, current
from services.chassis.jobs.queue import Jobs
from services.chassis.pages import page_token, position_of
from services.chassis.postgres.database import Database
from services.chassis.validation import parse

CSV = "text/csv; charset=utf-8"
# Lets a client check that it has the whole file.
ROWS_HEADER = "x-fastmp-rows"
CSV_HEADERS = (("content-disposition", 'attachment; filename="activation_codes.csv"'),)


@dataclass(frozen=True)
class ActivationServicer(AuditRpcs, pb_grpc.ActivationServiceServicer):
    """The servicer. `now` gives an aware datetime; `random_bytes` must be unpredictable."""

    database: Database
    jobs: Jobs
    redemption: Redemption
    fulfilment: FulfilmentAtOnce
    exports: Exports
    audit: AuditLog
    audit_reader: AuditReader
    now: Callable[[], datetime.datetime]
    random_bytes: Callable[[int], bytes]
    # How long a client of an export may leave a block unread; up to twice that.
    stall_seconds: float

    def GenerateCodes(
        self, request: pb.GenerateCodesRequest, _context: grpc.ServicerContext
    ) -> pb.GenerateCodesResponse:
        values = parse(GenerateCodesValues, request)
        admin = uuid.UUID(caller().account_id)
        wish = Generation(admin, values.valid_days, values.count, values.request_id)
        now = self.now()
        with self.database.transaction() as connection:
            made = generate(connection, wish, now, self.random_bytes)
            # The first answer, given again, was recorded when it was given first.
            if made[0].create_time == now:
                told = {"count": str(wish.count), "valid_days": str(wish.valid_days)}
                self.audit.record(connection, Event("codes_generated", details=told))
        return new_codes(made)

    def ListCodes(self, request: pb.ListCodesRequest, _context: grpc.ServicerContext) -> pb.ListCodesResponse:
        values = parse(ListCodesValues, request)
        now, number = self.now(), values.page or 1
        start = position_of(values.page_token) if values.page_token else (number - 1) * values.size
        with self.database.snapshot() as connection:
            page = read_page(connection, values.filter, values.size, start, now)
        return pb.ListCodesResponse(
            items=[message_of(code, now) for code in page.items],
            total=page.total,
            page=0 if values.page_token else number,
            size=values.size,
            next_page_token=page_token(page.next) if page.next else None,
        )

    def ExportCodes(
        self, request: pb.ExportCodesRequest, context: grpc.ServicerContext
    ) -> Iterator[HttpBody]:
        values = parse(ExportCodesValues, request)
        with self.database.transaction() as connection:
            self.audit.record(connection, Event("codes_exported"))
        with (
            self.exports.open(values.filter, self.now()) as export,
            cancelled_when_stalled(context.cancel, self.stall_seconds) as progress,
        ):
            first = next(export.blocks)
            context.send_initial_metadata((*CSV_HEADERS, (ROWS_HEADER, str(export.rows))))
            yield HttpBody(content_type=CSV, data=first)
            for block in export.blocks:
                progress()
                yield HttpBody(data=block)

    def RevokeCode(self, request: pb.RevokeCodeRequest, _context: grpc.ServicerContext) -> pb.Code:
        values, now = parse(CodeValues, request), self.now()
        with self.database.transaction() as connection:
            revoked = codes.revoke(connection, values.activation_code, now)
            self.audit.record(connection, Event("code_revoked", str(revoked.id)))
        return message_of(revoked, now)

    def Activate(self, request: pb.ActivateRequest, _context: grpc.ServicerContext) -> pb.ActivateResponse:
        values, account = parse(CodeValues, request), caller()
        claimant = Claimant(uuid.UUID(account.account_id), account.email, current().client_address)
        claim = self.redemption.redeem(values.activation_code, claimant)
        given = self.fulfilment.apply(claim)
        return pb.ActivateResponse(
            email=given.email,
            activation_status=given.activation_status,
            expired_time=timestamp_of(given.expired_time),
        )

    def GetCode(self, request: pb.GetCodeRequest, _context: grpc.ServicerContext) -> pb.Code:
        values = parse(CodeValues, request)
        with self.database.direct() as connection:
            return message_of(codes.get(connection, values.activation_code), self.now())

    def UpdateCode(self, request: pb.UpdateCodeRequest, _context: grpc.ServicerContext) -> pb.Code:
        values, now = parse(UpdateCodeValues, request), self.now()
        with self.database.transaction() as connection:
            changed = codes.change(connection, values.activation_code, values.valid_days, values.status, now)
            told = {"valid_days": str(changed.valid_days), "status": changed.activation_status}
            self.audit.record(connection, Event("code_changed", str(changed.id), details=told))
        return message_of(changed, now)

    def DeleteCode(
        self, request: pb.DeleteCodeRequest, _context: grpc.ServicerContext
    ) -> pb.DeleteCodeResponse:
        values = parse(CodeValues, request)
        with self.database.transaction() as connection:
            deleted = deletion.delete(connection, self.jobs, values.activation_code)
            self.audit.record(connection, Event("code_deleted", str(deleted.code_id)))
        self.fulfilment.clear(values.activation_code, deleted.job_id)
        return pb.DeleteCodeResponse(status="ok")
