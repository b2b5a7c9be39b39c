"""Conversion of results to messages."""

import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from fastmp.notifications.v1 import notifications_service_pb2 as pb
from services.chassis.language import Language
from services.notifications.channels.channels import Channel
from services.notifications.deliveries.listing import Delivery
from services.notifications.inbox.reading import Notification


def timestamp_of(time: datetime.datetime | None) -> Timestamp | None:
    """Returns `time`, an aware datetime, as a message, or None for None, which leaves a field unset."""
    if time is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(time)
    return timestamp


def notification_of(notification: Notification, language: Language) -> pb.Notification:
    """Returns the message of a notification."""
    return pb.Notification(
        id=str(notification.id),
        kind=notification.kind,
        subject_id=notification.subject_id,
        title=notification.title.in_language(language),
        text=notification.text.in_language(language),
        link=notification.link,
        create_time=timestamp_of(notification.create_time),
        read_time=timestamp_of(notification.read_time),
        withdraw_time=timestamp_of(notification.withdraw_time),
    )


def channel_of(channel: Channel, now: datetime.datetime, secret: str | None = None) -> pb.Channel:
    """Returns the message of a channel, with its secret in the answer to the call that made it."""
    previous = channel.previous_secret_until
    return pb.Channel(
        id=str(channel.id),
        kind=channel.kind,
        name=channel.name,
        address_hint=channel.address_hint,
        events=channel.events,
        language=channel.language,
        enabled=channel.enabled,
        disabled_reason=channel.disabled_reason,
        last_delivery_time=timestamp_of(channel.last_delivery_time),
        last_error=channel.last_error,
        failing_since=timestamp_of(channel.failing_since),
        create_time=timestamp_of(channel.create_time),
        secret=secret,
        previous_secret_until=timestamp_of(previous if previous is not None and previous > now else None),
    )


def delivery_of(delivery: Delivery, language: Language) -> pb.Delivery:
    """Returns the message of a delivery."""
    return pb.Delivery(
        id=str(delivery.id),
        notification_id=str(delivery.notification_id),
        kind=delivery.kind,
        title=delivery.title.in_language(language),
        channel_id=str(delivery.channel_id),
        channel_name=delivery.channel_name,
        state=delivery.state,
        attempts=delivery.attempts,
        next_attempt_time=timestamp_of(delivery.next_attempt_time),
        error=delivery.error,
        create_time=timestamp_of(delivery.create_time),
        end_time=timestamp_of(delivery.end_time),
    )
