"""Results as the contract's messages."""

import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from fastmp.activation.v1 import activation_service_pb2 as pb
from services.activation.codes.codes import Code


def timestamp_of(time: datetime.datetime | None) -> Timestamp | None:
    """`time`, an aware datetime, as a message; None stays None and leaves a field out."""
    if time is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(time)
    return timestamp


def message_of(code: Code, now: datetime.datetime) -> pb.Code:
    """The code as it reads at `now`."""
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
    )


def new_codes(codes: list[Code]) -> pb.GenerateCodesResponse:
    """Codes of one call, made at one time: ten thousand share its message."""
    made = timestamp_of(codes[0].create_time if codes else None)
    return pb.GenerateCodesResponse(
        codes=[
            pb.Code(
                id=str(code.id),
                activation_code=code.activation_code,
                valid_days=code.valid_days,
                activation_status=code.activation_status,
                create_time=made,
                update_time=made,
            )
            for code in codes
        ]
    )
