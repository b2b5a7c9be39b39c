"""Conversion of results to messages."""

import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from fastmp.activation.v1 import activation_service_pb2 as pb
from services.activation.codes.codes import Code


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
    )


def new_codes(codes: list[Code]) -> pb.GenerateCodesResponse:
    """Returns the response with the codes of one call, which have the same create_time."""
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
