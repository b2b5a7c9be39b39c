"""Implementation of NotificationsService."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass

import grpc

from fastmp.notifications.v1 import notifications_service_pb2 as pb
from fastmp.notifications.v1 import notifications_service_pb2_grpc as pb_grpc
from services.chassis.audit.api import AuditReader, AuditRpcs
from services.chassis.context import caller_id, current
from services.chassis.language import Language
from services.chassis.pages import page_token, position_of
from services.chassis.postgres.database import Database
from services.chassis.validation import parse
from services.notifications.api.messages import channel_of, delivery_of, notification_of
from services.notifications.api.requests import (
    ChannelValues,
    CreateChannelValues,
    ListDeliveriesValues,
    MarkReadValues,
    PageValues,
    PublishValues,
    UpdateChannelValues,
    WithdrawValues,
)
from services.notifications.channels.administration import ChannelAdministration, NewChannel
from services.notifications.deliveries import listing
from services.notifications.inbox.inbox import Inbox


@dataclass(frozen=True)
class NotificationsServicer(AuditRpcs, pb_grpc.NotificationsServiceServicer):
    """Implements NotificationsService, which the proto documents. `now` returns an aware datetime."""

    database: Database
    inbox: Inbox
    channels: ChannelAdministration
    audit_reader: AuditReader
    now: Callable[[], datetime.datetime]

    def Publish(self, request: pb.PublishRequest, _context: grpc.ServicerContext) -> pb.PublishResponse:
        self.inbox.publish(parse(PublishValues, request).event(current().peer))
        return pb.PublishResponse()

    def Withdraw(self, request: pb.WithdrawRequest, _context: grpc.ServicerContext) -> pb.WithdrawResponse:
        self.inbox.withdraw(current().peer, parse(WithdrawValues, request).event_id)
        return pb.WithdrawResponse()

    def ListNotifications(
        self, request: pb.ListNotificationsRequest, _context: grpc.ServicerContext
    ) -> pb.ListNotificationsResponse:
        values = parse(PageValues, request)
        after = position_of(values.page_token) if values.page_token else None
        page, language = self.inbox.page(caller_id(), values.size, after), current().language
        return pb.ListNotificationsResponse(
            items=[notification_of(one, language) for one in page.items],
            unread=page.unread,
            next_page_token=page_token(page.next) if page.next else None,
        )

    def MarkRead(self, request: pb.MarkReadRequest, _context: grpc.ServicerContext) -> pb.MarkReadResponse:
        values = parse(MarkReadValues, request)
        unread = self.inbox.mark_read(caller_id(), None if values.all else values.ids)
        return pb.MarkReadResponse(unread=unread)

    def ListChannels(
        self, _request: pb.ListChannelsRequest, _context: grpc.ServicerContext
    ) -> pb.ListChannelsResponse:
        now, found = self.now(), self.channels.list(caller_id())
        return pb.ListChannelsResponse(items=[channel_of(one, now) for one in found])

    def GetChannel(self, request: pb.GetChannelRequest, _context: grpc.ServicerContext) -> pb.Channel:
        values = parse(ChannelValues, request)
        return channel_of(self.channels.get(caller_id(), values.id), self.now())

    def CreateChannel(self, request: pb.CreateChannelRequest, _context: grpc.ServicerContext) -> pb.Channel:
        values = parse(CreateChannelValues, request)
        language = Language(values.language) if values.language else current().language
        new = NewChannel(values.kind, values.name, values.address, values.events, language)
        created = self.channels.create(caller_id(), new)
        return channel_of(created.channel, self.now(), created.secret)

    def UpdateChannel(self, request: pb.UpdateChannelRequest, _context: grpc.ServicerContext) -> pb.Channel:
        values = parse(UpdateChannelValues, request)
        changed = self.channels.change(caller_id(), values.id, values.changes)
        return channel_of(changed.channel, self.now(), changed.secret)

    def DeleteChannel(
        self, request: pb.DeleteChannelRequest, _context: grpc.ServicerContext
    ) -> pb.DeleteChannelResponse:
        values = parse(ChannelValues, request)
        self.channels.delete(caller_id(), values.id)
        return pb.DeleteChannelResponse(status="ok")

    def TestChannel(
        self, request: pb.TestChannelRequest, _context: grpc.ServicerContext
    ) -> pb.TestChannelResponse:
        values = parse(ChannelValues, request)
        error = self.channels.test(caller_id(), values.id)
        return pb.TestChannelResponse(delivered=error is None, error=error)

    def ListDeliveries(
        self, request: pb.ListDeliveriesRequest, _context: grpc.ServicerContext
    ) -> pb.ListDeliveriesResponse:
        values = parse(ListDeliveriesValues, request)
        after = position_of(values.page_token) if values.page_token else None
        with self.database.reading() as connection:
            items, following = listing.read_page(
                connection, caller_id(), values.channel_id, values.size, after
            )
        language = current().language
        return pb.ListDeliveriesResponse(
            items=[delivery_of(one, language) for one in items],
            next_page_token=page_token(following) if following else None,
        )
