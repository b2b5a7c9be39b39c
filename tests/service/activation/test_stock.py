"""Admins are notified once of each shortage of codes, also if Notifications or this service is down meanwhile."""

import threading
from collections.abc import Iterator, Mapping
from concurrent import futures
from dataclasses import dataclass, field

import grpc
import pytest
from sqlalchemy import text

from fastmp.notifications.v1 import notifications_service_pb2 as pb
from fastmp.notifications.v1 import notifications_service_pb2_grpc as pb_grpc
from services.chassis.mutual_tls import TlsFiles
from services.chassis.outbox.outbox import BATCH
from services.chassis.postgres.database import Database
from tests.service.activation.replicas import Replica, running
from tests.service.clocks import CurrentClock
from tests.service.scripted_identity import Account, RunningIdentity
from tests.support.waiting import wait_until


@dataclass
class Taken(pb_grpc.NotificationsServiceServicer):
    """A Notifications that keeps what it is sent."""

    events: list[tuple[str, str]] = field(default_factory=list)
    is_down: bool = False

    def Publish(self, request: pb.PublishRequest, context: grpc.ServicerContext) -> pb.PublishResponse:
        if request.event_id.startswith("refused"):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "refused")
        self._take("publish", request.event_id, context)
        assert request.to_admins
        assert request.kind == "codes.low"
        return pb.PublishResponse()

    def Withdraw(self, request: pb.WithdrawRequest, context: grpc.ServicerContext) -> pb.WithdrawResponse:
        self._take("withdraw", request.event_id, context)
        return pb.WithdrawResponse()

    def _take(self, call: str, event_id: str, context: grpc.ServicerContext) -> None:
        if self.is_down:
            context.abort(grpc.StatusCode.UNAVAILABLE, "down")
        self.events.append((call, event_id))


@pytest.fixture
def taken(certificates: Mapping[str, TlsFiles]) -> Iterator[tuple[Taken, str]]:
    taken, tls = Taken(), certificates["notifications"]
    server = grpc.server(futures.ThreadPoolExecutor(4))
    pb_grpc.add_NotificationsServiceServicer_to_server(taken, server)
    pair = (tls.key_file.read_bytes(), tls.certificate_file.read_bytes())
    credentials = grpc.ssl_server_credentials([pair], tls.ca_file.read_bytes(), require_client_auth=True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    yield taken, f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture
def watching(
    database_url: str,
    certificates: Mapping[str, TlsFiles],
    identity: RunningIdentity,
    current_clock: CurrentClock,
    taken: tuple[Taken, str],
    database: Database,
    no_codes: None,
) -> Iterator[Replica]:
    with database.transaction() as connection:
        connection.execute(text("UPDATE code_stock SET is_low = true, number = 0"))
        connection.execute(text("DELETE FROM notification_outbox"))
    others = {"notifications_address": taken[1], "low_stock_codes": 5}
    with running(database_url, certificates, identity.address, current_clock, **others) as replica:
        yield replica


def test_a_shortage_is_notified_once_and_withdrawn_at_its_end(
    watching: Replica, taken: tuple[Taken, str], admin: Account
) -> None:
    events = taken[0].events
    look = watching.activation.stock.look
    look()
    codes = watching.generate(admin, 5)
    look()
    assert events == []
    watching.revoke(admin, codes[0].activation_code)
    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: events == [("publish", "codes.low:1")], "it is published")

    watching.generate(admin, 1)
    look()
    wait_until(lambda: events[1:] == [("withdraw", "codes.low:1")], "it is withdrawn")
    watching.revoke(admin, codes[1].activation_code)
    look()
    wait_until(lambda: events[2:] == [("publish", "codes.low:2")], "the next one is published")


def test_nothing_is_lost_while_notifications_is_down(
    watching: Replica, taken: tuple[Taken, str], admin: Account, database: Database
) -> None:
    taken[0].is_down = True
    codes = watching.generate(admin, 5)
    watching.activation.stock.look()
    watching.revoke(admin, codes[0].activation_code)
    watching.activation.stock.look()
    watching.activation.outbox.stop()
    count = text("SELECT count(*) FROM notification_outbox")
    with database.reading() as connection:
        assert connection.execute(count).scalar_one() == 1

    taken[0].is_down = False
    watching.activation.outbox.publish_stored()

    assert taken[0].events == [("publish", "codes.low:1")]
    with database.reading() as connection:
        assert connection.execute(count).scalar_one() == 0


def test_events_that_are_refused_do_not_hold_up_those_behind_them(
    watching: Replica, taken: tuple[Taken, str], admin: Account, database: Database
) -> None:
    watching.activation.outbox.stop()
    refused = (
        "INSERT INTO notification_outbox (event_id, is_withdrawal, kind, subject_id, given, valid_until)"
        " SELECT 'refused:' || n, false, 'codes.low', '', '{}', now() + interval '1 day'"
        f" FROM generate_series(1, {BATCH + 1}) n"
    )
    with database.transaction() as connection:
        connection.execute(text(refused))
    codes = watching.generate(admin, 5)
    watching.activation.stock.look()
    watching.revoke(admin, codes[0].activation_code)
    watching.activation.stock.look()

    watching.activation.outbox.publish_stored()

    assert taken[0].events == [("publish", "codes.low:1")]
