"""Conversion of results to messages."""

import datetime
import uuid

from google.protobuf.timestamp_pb2 import Timestamp

from fastmp.activation.v1 import activation_service_pb2 as pb
from services.activation.codes.batches import CountedBatch
from services.activation.codes.codes import Code
from services.activation.codes.generation import Generated
from services.activation.codes.overview import Overview
from services.activation.redeeming.preview import Preview
from services.chassis.identity.statuses import ACTIVE, EXPIRED, PENDING, REVOKED


def timestamp_of(time: datetime.datetime | None) -> Timestamp | None:
    """Returns `time`, an aware datetime, as a message, or None for None, which leaves a field unset."""
    if time is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(time)
    return timestamp


def message_of(code: Code, now: datetime.datetime) -> pb.Code:
    """Returns the message of a code with its status at `now`."""
    return pb.Code(
        id=str(code.id),
        activation_code=code.activation_code,
        valid_days=code.valid_days,
        activation_status=code.status_at(now),
        user_email=code.user_email,
        expiry_date=timestamp_of(code.expiry_date),
        activation_time=timestamp_of(code.activation_time),
        create_time=timestamp_of(code.create_time),
        update_time=timestamp_of(code.update_time),
        batch_id=_text(code.batch_id),
        note=code.note,
        days_from=code.days_from,
        redeem_before=timestamp_of(code.redeem_before),
    )


def new_codes(made: Generated) -> pb.GenerateCodesResponse:
    """Returns the response with the codes of one call, which have the same create_time and terms."""
    first = made.codes[0] if made.codes else None
    create_time = timestamp_of(first.create_time if first else None)
    redeem_before = timestamp_of(first.redeem_before if first else None)
    batch_id = _text(made.batch_id)
    return pb.GenerateCodesResponse(
        batch_id=batch_id,
        codes=[
            pb.Code(
                id=str(code.id),
                activation_code=code.activation_code,
                valid_days=code.valid_days,
                activation_status=code.activation_status,
                create_time=create_time,
                update_time=create_time,
                batch_id=batch_id,
                note=code.note,
                days_from=code.days_from,
                redeem_before=redeem_before,
            )
            for code in made.codes
        ],
    )


def preview_of(preview: Preview) -> pb.PreviewActivationResponse:
    """Returns the message of a preview."""
    return pb.PreviewActivationResponse(
        valid_days=preview.valid_days,
        days_from=preview.days_from,
        expired_time=timestamp_of(preview.expired_time),
        new_expired_time=timestamp_of(preview.new_expired_time),
        days_lost=preview.days_lost,
    )


def overview_of(overview: Overview) -> pb.GetOverviewResponse:
    """Returns the message of an overview."""
    return pb.GetOverviewResponse(
        **overview.counts,
        batches=[
            pb.BatchStock(
                batch_id=str(batch.id),
                note=batch.note,
                valid_days=batch.valid_days,
                create_time=timestamp_of(batch.create_time),
                pending=pending,
            )
            for batch, pending in overview.stock
        ],
        redemptions=[pb.DayCount(day=day.isoformat(), count=count) for day, count in overview.redemptions],
    )


def batch_of(counted: CountedBatch) -> pb.Batch:
    """Returns the message of a batch."""
    made, counts = counted.batch, counted.counts
    return pb.Batch(
        batch_id=str(made.id),
        note=made.note,
        valid_days=made.valid_days,
        days_from=made.days_from,
        redeem_before=timestamp_of(made.redeem_before),
        create_time=timestamp_of(made.create_time),
        created_by=counted.created_by,
        pending=counts.get(PENDING, 0),
        active=counts.get(ACTIVE, 0),
        expired=counts.get(EXPIRED, 0),
        revoked=counts.get(REVOKED, 0),
    )


def _text(id_: uuid.UUID | None) -> str | None:
    return None if id_ is None else str(id_)
