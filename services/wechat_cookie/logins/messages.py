"""Conversion of a login's events to messages. It is not in api/, because events are stored as they are sent."""

import datetime

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from services.chassis.language import Language
from services.wechat_cookie.cookies.cookie import Cookie
from services.wechat_cookie.cookies.messages import to_message as cookie_message
from services.wechat_cookie.logins.rules import wording
from services.wechat_cookie.logins.rules.events import Event, Failed, Progressed, QrShown, Succeeded
from services.wechat_cookie.logins.rules.stages import Reason
from services.wechat_cookie.mp.errors import PARTS


def to_message(
    event: Event, login_id: str, sequence: int, now: datetime.datetime, cookie: Cookie | None
) -> pb.LoginEvent:
    """Returns the message of an event. `cookie` is that of a success, or None if it was deleted."""
    message = _blank(login_id, sequence, now)
    match event:
        case QrShown():
            message.qr_code.image = event.image.content
            message.qr_code.content_type = event.image.content_type
            if event.url is not None:
                message.qr_code.url = event.url
            message.qr_code.expire_time.FromDatetime(event.expire_time)
            message.qr_code.refresh_count = event.refresh_count
        case Progressed():
            message.progress.stage = event.stage
            message.progress.message = event.message
        case Succeeded():
            message.success.SetInParent()
            if cookie is not None:
                message.success.cookie.CopyFrom(cookie_message(cookie, now))
        case Failed():
            message.failure.reason = event.reason
            message.failure.message = event.message
            message.failure.retryable = event.retryable
            if event.failed_part is not None:
                message.failure.failed_part.CopyFrom(failed_part_message(event.failed_part))
    return message


def failed_part_message(failed_part: str) -> pb.FailedPart:
    """Returns the message of an MpError.failed_part."""
    # Any other word is a detail, which only "tls" has.
    if failed_part in PARTS:
        return pb.FailedPart(part=failed_part)
    return pb.FailedPart(part="tls", detail=failed_part)


def in_language(message: pb.LoginEvent, language: Language) -> pb.LoginEvent:
    """Returns the event with its text in `language`; events are stored, and streamed up to here, in Chinese."""
    match message.WhichOneof("event"):
        case "progress":
            message.progress.message = wording.in_language(message.progress.message, language)
        case "failure":
            message.failure.message = wording.in_language(message.failure.message, language)
    return message


def is_last(message: pb.LoginEvent) -> bool:
    """Returns whether this event is the last of its login."""
    return message.WhichOneof("event") in {"success", "failure"}


def access_ended(login_id: str, sequence: int, now: datetime.datetime) -> pb.LoginEvent:
    """Returns the last event of a stream whose caller has lost access, also if the login continues."""
    reason = Reason.ACCESS_ENDED
    event = Failed(reason, wording.REASONS[reason].zh, reason not in wording.NOT_RETRYABLE)
    return to_message(event, login_id, sequence, now, None)


def heartbeat(login_id: str, sequence: int, now: datetime.datetime) -> pb.LoginEvent:
    """Returns a heartbeat: nothing has happened since the event `sequence`."""
    message = _blank(login_id, sequence, now)
    message.heartbeat.SetInParent()
    return message


def _blank(login_id: str, sequence: int, now: datetime.datetime) -> pb.LoginEvent:
    message = pb.LoginEvent(sequence=sequence, login_key=login_id)
    message.time.FromDatetime(now)
    return message
