"""Implementation of ActivationService."""

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import grpc
from google.api.httpbody_pb2 import HttpBody

from fastmp.activation.v1 import activation_service_pb2 as pb
from fastmp.activation.v1 import activation_service_pb2_grpc as pb_grpc
from services.activation.api.messages import batch_of, message_of, new_codes, overview_of, preview_of
from services.activation.api.requests import (
    BatchValues,
    CodeValues,
    FilterValues,
    GenerateCodesValues,
    ListBatchesValues,
    ListCodesValues,
    UpdateCodeValues,
)
from services.activation.api.stalled_clients import cancelled_when_stalled
from services.activation.codes.administration import CodeAdministration
from services.activation.codes.batch_administration import BatchAdministration
from services.activation.codes.overview import Overviews
from services.activation.redeeming.code_deletion import CodeDeletion
from services.activation.redeeming.preview import Previews
from services.activation.redeeming.redemption import Redemption
from services.chassis.audit.api import AuditReader, AuditRpcs
from services.chassis.context import caller, caller_id, current
from services.chassis.pages import page_token, position_of
from services.chassis.validation import parse

CSV = "text/csv; charset=utf-8"
# Lets clients check that they have received the whole file.
ROWS_HEADER = "x-fastmp-rows"
CSV_HEADERS = (("content-disposition", 'attachment; filename="activation_codes.csv"'),)


@dataclass(frozen=True)
class ActivationServicer(AuditRpcs, pb_grpc.ActivationServiceServicer):
    """Implements ActivationService, which the proto documents. `now` returns an aware datetime."""

    administration: CodeAdministration
    batches: BatchAdministration
    overviews: Overviews
    redemption: Redemption
    previews: Previews
    deletion: CodeDeletion
    audit_reader: AuditReader
    now: Callable[[], datetime.datetime]
    # An export is cancelled when its client does not read a block for this time to twice this time.
    stall_seconds: float

    def GenerateCodes(
        self, request: pb.GenerateCodesRequest, _context: grpc.ServicerContext
    ) -> pb.GenerateCodesResponse:
        values = parse(GenerateCodesValues, request)
        return new_codes(self.administration.generate(values.generation(caller_id(), self.now())))

    def ListCodes(self, request: pb.ListCodesRequest, _context: grpc.ServicerContext) -> pb.ListCodesResponse:
        values = parse(ListCodesValues, request)
        number = values.page or 1
        start = position_of(values.page_token) if values.page_token else (number - 1) * values.size
        page = self.administration.page(values.filter, values.size, start)
        now = self.now()
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
        values = parse(FilterValues, request)
        with (
            self.administration.export(values.filter) as export,
            cancelled_when_stalled(context.cancel, self.stall_seconds) as progress,
        ):
            first = next(export.blocks)
            context.send_initial_metadata((*CSV_HEADERS, (ROWS_HEADER, str(export.rows))))
            yield HttpBody(content_type=CSV, data=first)
            for block in export.blocks:
                progress()
                yield HttpBody(data=block)

    def RevokeCode(self, request: pb.RevokeCodeRequest, _context: grpc.ServicerContext) -> pb.Code:
        values = parse(CodeValues, request)
        return message_of(self.administration.revoke(values.activation_code), self.now())

    def Activate(self, request: pb.ActivateRequest, _context: grpc.ServicerContext) -> pb.ActivateResponse:
        values = parse(CodeValues, request)
        given = self.redemption.redeem(values.activation_code, caller(), current().client_address)
        return pb.ActivateResponse(
            email=given.email,
            activation_status=given.activation_status,
            expired_time=given.expired_time if given.HasField("expired_time") else None,
        )

    def PreviewActivation(
        self, request: pb.PreviewActivationRequest, _context: grpc.ServicerContext
    ) -> pb.PreviewActivationResponse:
        values = parse(CodeValues, request)
        return preview_of(self.previews.preview(values.activation_code, caller(), current().client_address))

    def ListBatches(
        self, request: pb.ListBatchesRequest, _context: grpc.ServicerContext
    ) -> pb.ListBatchesResponse:
        values = parse(ListBatchesValues, request)
        after = position_of(values.page_token) if values.page_token else None
        found, following = self.batches.page(values.size, after)
        return pb.ListBatchesResponse(
            items=[batch_of(one) for one in found],
            next_page_token=page_token(following) if following else None,
        )

    def RevokeBatch(self, request: pb.RevokeBatchRequest, _context: grpc.ServicerContext) -> pb.Batch:
        values = parse(BatchValues, request)
        return batch_of(self.batches.revoke(values.batch_id))

    def GetOverview(
        self, _request: pb.GetOverviewRequest, _context: grpc.ServicerContext
    ) -> pb.GetOverviewResponse:
        return overview_of(self.overviews.read())

    def GetCode(self, request: pb.GetCodeRequest, _context: grpc.ServicerContext) -> pb.Code:
        values = parse(CodeValues, request)
        return message_of(self.administration.get(values.activation_code), self.now())

    def UpdateCode(self, request: pb.UpdateCodeRequest, _context: grpc.ServicerContext) -> pb.Code:
        values = parse(UpdateCodeValues, request)
        changed = self.administration.change(values.activation_code, values.valid_days, values.status)
        return message_of(changed, self.now())

    def DeleteCode(
        self, request: pb.DeleteCodeRequest, _context: grpc.ServicerContext
    ) -> pb.DeleteCodeResponse:
        values = parse(CodeValues, request)
        self.deletion.delete(values.activation_code)
        return pb.DeleteCodeResponse(status="ok")
