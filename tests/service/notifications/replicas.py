"""Real replicas of Notifications in this process, and callers of them over mutual TLS."""

import datetime
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from cryptography.fernet import Fernet

from fastmp.notifications.v1 import notifications_service_pb2 as pb
from fastmp.notifications.v1 import notifications_service_pb2_grpc as pb_grpc
from services.chassis.channels import channel
from services.chassis.mutual_tls import TlsFiles
from services.notifications.composition import Notifications
from services.notifications.settings import NotificationsSettings
from tests.service.activation.replicas import HasNow
from tests.service.scripted_identity import Account

KEY = Fernet.generate_key().decode()


@dataclass(frozen=True)
class Replica:
    """A replica, a stub for callers behind the gateway, and one for a publisher."""

    notifications: Notifications
    stub: pb_grpc.NotificationsServiceStub
    publisher: pb_grpc.NotificationsServiceStub
    clock: HasNow

    def publish(
        self,
        owner: Account | None,
        event_id: str = "",
        kind: str = "cookie.dead",
        valid_days: float = 1,
        **values: str,
    ) -> str:
        """Publishes an event and returns its id."""
        event_id = event_id or uuid.uuid4().hex
        until = self.clock.now() + datetime.timedelta(days=valid_days)
        request = pb.PublishRequest(
            event_id=event_id,
            kind=kind,
            owner_id=None if owner is None else str(owner.id),
            to_admins=owner is None,
            subject_id="subject",
            values=[pb.NamedValue(name=name, value=value) for name, value in values.items()],
        )
        request.valid_until.FromDatetime(until)
        self.publisher.Publish(request)
        return event_id

    def withdraw(self, event_id: str) -> None:
        self.publisher.Withdraw(pb.WithdrawRequest(event_id=event_id))

    def listed(self, owner: Account, language: str = "en", **wanted: object) -> pb.ListNotificationsResponse:
        request = pb.ListNotificationsRequest(**wanted)  # type: ignore[arg-type]
        metadata = (*owner.bearer, ("accept-language", language))
        return self.stub.ListNotifications(request, metadata=metadata)

    def read(self, owner: Account, *ids: str, **wanted: object) -> int:
        request = pb.MarkReadRequest(ids=ids, **wanted)  # type: ignore[arg-type]
        return self.stub.MarkRead(request, metadata=owner.bearer).unread

    def channel(self, owner: Account, address: str, kind: str = "webhook", **wanted: object) -> pb.Channel:
        request = pb.CreateChannelRequest(kind=kind, name="mine", address=address, **wanted)  # type: ignore[arg-type]
        return self.stub.CreateChannel(request, metadata=owner.bearer)

    def update(self, owner: Account, channel_id: str, **changes: object) -> pb.Channel:
        request = pb.UpdateChannelRequest(id=channel_id, **changes)  # type: ignore[arg-type]
        return self.stub.UpdateChannel(request, metadata=owner.bearer)

    def get(self, owner: Account, channel_id: str) -> pb.Channel:
        return self.stub.GetChannel(pb.GetChannelRequest(id=channel_id), metadata=owner.bearer)

    def test(self, owner: Account, channel_id: str) -> pb.TestChannelResponse:
        return self.stub.TestChannel(pb.TestChannelRequest(id=channel_id), metadata=owner.bearer)

    def deliveries(self, owner: Account, **wanted: object) -> list[pb.Delivery]:
        request = pb.ListDeliveriesRequest(**wanted)  # type: ignore[arg-type]
        return list(self.stub.ListDeliveries(request, metadata=owner.bearer).items)

    def wake(self) -> None:
        """Makes the workers look at the clock, which a test has moved."""
        for workers in self.notifications.workers:
            workers.wake()


def settings(
    database_url: str, certificates: Mapping[str, TlsFiles], identity_address: str, **others: object
) -> NotificationsSettings:
    """The settings of a replica whose receivers are on loopback."""
    tls = certificates["notifications"]
    values: dict[str, object] = {
        "notifications_database_url": database_url,
        "notifications_port": 0,
        "notifications_ops_port": 0,
        "notifications_metrics_port": 0,
        "identity_address": identity_address,
        "tls_ca_file": tls.ca_file,
        "tls_certificate_file": tls.certificate_file,
        "tls_key_file": tls.key_file,
        "audit_key": "test-only-audit-key-5f2c9e71b8d04a36",
        "notification_keys": KEY,
        "notification_inner_networks": "127.0.0.0/8,::1/128",
        "notification_ca_file": tls.ca_file,
        "drain_seconds": 0,
    }
    return NotificationsSettings.model_validate(values | others)


@contextmanager
def running(
    database_url: str,
    certificates: Mapping[str, TlsFiles],
    identity_address: str,
    clock: HasNow,
    **others: object,
) -> Iterator[Replica]:
    """A replica that answers."""
    notifications = Notifications(settings(database_url, certificates, identity_address, **others), clock.now)
    notifications.lifecycle.start()
    with ExitStack() as held:
        held.callback(notifications.lifecycle.stop, 0)
        address = f"127.0.0.1:{notifications.server.port}"
        stubs = []
        for name in ("gateway", "activation"):
            connection = channel(address, "notifications", certificates[name])
            held.callback(connection.close)
            stubs.append(pb_grpc.NotificationsServiceStub(connection))
        yield Replica(notifications, stubs[0], stubs[1], clock)
