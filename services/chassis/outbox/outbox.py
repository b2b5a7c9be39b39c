"""Stores events in the transaction that makes them true, and publishes them until Notifications has taken them."""

import datetime
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import structlog
from sqlalchemy import Connection, Row, Select, Table, delete, insert, select

from fastmp.notifications.v1 import notifications_service_pb2 as pb
from fastmp.notifications.v1 import notifications_service_pb2_grpc as pb_grpc
from services.chassis.background_loop import BackgroundLoop
from services.chassis.channels import channel
from services.chassis.errors import DomainError, reason_of
from services.chassis.language import Localized
from services.chassis.mutual_tls import TlsFiles
from services.chassis.postgres.database import Database

_log = structlog.get_logger(__name__)

# Rows that another replica has inserted, or that were left by a crash, are found after this time.
IDLE_SECONDS = 15.0
# Until the transaction that has woken the loop is committed.
WAKE_DELAY_SECONDS = 0.1
CALL_SECONDS = 5.0
BATCH = 100
SERVICE = pb.DESCRIPTOR.services_by_name["NotificationsService"].full_name


class NotificationsUnavailableError(DomainError):
    """Notifications does not take an event; the row stays, and is tried again."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = "NOTIFICATIONS_UNAVAILABLE"
    message = Localized("通知服务暂时不可用", "The notification service is not available")


@dataclass(frozen=True)
class OutboxEvent:
    """An event, see PublishRequest. `owner_id` is None if all admins are notified."""

    event_id: str
    kind: str
    owner_id: uuid.UUID | None
    subject_id: str
    valid_until: datetime.datetime
    values: Mapping[str, str] = field(default_factory=dict)


def notifications_channel(addresses: str, tls: TlsFiles) -> grpc.Channel:
    """Returns a channel to Notifications' replicas at `addresses`, "host:port" separated by commas."""
    idempotent = tuple((SERVICE, method) for method in ("Publish", "Withdraw"))
    return channel(addresses, "notifications", tls, idempotent)


class Outbox:
    """The outbox of a service, with the loop that publishes. Several replicas may run one each."""

    def __init__(self, database: Database, table: Table, notifications: grpc.Channel) -> None:
        self._database = database
        self._table = table
        self._stub = pb_grpc.NotificationsServiceStub(notifications)
        self._loop = BackgroundLoop(
            "notification-outbox", self.publish_stored, IDLE_SECONDS, wake_delay_seconds=WAKE_DELAY_SECONDS
        )

    def start(self) -> None:
        """Starts the thread, which begins with what is stored."""
        self._loop.start()

    def stop(self) -> None:
        """Ends the thread after the running call."""
        self._loop.stop()

    def publish(self, connection: Connection, event: OutboxEvent) -> None:
        """Stores an event in the open transaction. It is published after the commit, once by its id."""
        values = {
            "event_id": event.event_id,
            "is_withdrawal": False,
            "kind": event.kind,
            "owner_id": event.owner_id,
            "subject_id": event.subject_id,
            "given": dict(event.values),
            "valid_until": event.valid_until,
        }
        connection.execute(insert(self._table).values(values).inline())
        self._loop.wake()

    def withdraw(self, connection: Connection, event_id: str) -> None:
        """Stores in the open transaction that an event is no longer true."""
        connection.execute(insert(self._table).values(event_id=event_id, is_withdrawal=True).inline())
        self._loop.wake()

    def publish_stored(self) -> None:
        """Publishes what is stored, in the order in which it was. Raises NotificationsUnavailableError."""
        row = self._table.c
        page = select(self._table).order_by(row.id).limit(BATCH)
        last = 0
        while rows := self._read(page.where(row.id > last)):
            for one in rows:
                # A crash in between, or another replica, publishes it again, which does nothing.
                if self._is_taken(one):
                    with self._database.reading() as connection:
                        connection.execute(delete(self._table).where(row.id == one.id))
            last = rows[-1].id

    def _read(self, page: "Select[Any]") -> "Sequence[Row[Any]]":
        with self._database.reading() as connection:
            return connection.execute(page).all()

    def _is_taken(self, row: "Row[Any]") -> bool:
        try:
            if row.is_withdrawal:
                self._stub.Withdraw(pb.WithdrawRequest(event_id=row.event_id), timeout=CALL_SECONDS)
            else:
                self._stub.Publish(_request(row), timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
                # A fault of this program; the others behind it are published.
                _log.error("event_refused", event_id=row.event_id, reason=reason_of(error))
                return False
            raise NotificationsUnavailableError from error
        return True


def _request(row: "Row[Any]") -> pb.PublishRequest:
    request = pb.PublishRequest(
        event_id=row.event_id,
        kind=row.kind,
        owner_id=None if row.owner_id is None else str(row.owner_id),
        to_admins=row.owner_id is None,
        subject_id=row.subject_id,
        values=[pb.NamedValue(name=name, value=value) for name, value in row.given.items()],
    )
    request.valid_until.FromDatetime(row.valid_until)
    return request
