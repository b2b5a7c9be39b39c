"""A replica of Notifications is killed while it publishes and sends: each event is one message, whatever crashes.

A receiver may get a message twice, if the process dies between the answer and its record; then with the same id.
"""

import datetime
import functools
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import grpc
import pytest

from fastmp.notifications.v1 import notifications_service_pb2 as pb
from fastmp.notifications.v1 import notifications_service_pb2_grpc as pb_grpc
from services.chassis.channels import channel
from services.chassis.mutual_tls import TlsFiles
from tests.service.notifications.receiver import Receiver
from tests.service.notifications.replicas import KEY
from tests.service.scripted_identity import Account, RunningIdentity
from tests.support.postgres import FreshDatabase
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[3]
EVENTS = 300
OWNERS = 6
KILLS = 5
# The longest lease of a killed process, and the time to send what it left.
SETTLE_SECONDS = 150


class Process:
    """A replica as a process, which is killed and started again on its port."""

    def __init__(self, url: str, tls: TlsFiles, identity: str, log: Path) -> None:
        self._environment = {
            **os.environ,
            "NOTIFICATIONS_DATABASE_URL": url,
            "NOTIFICATIONS_PORT": "0",
            "NOTIFICATIONS_OPS_PORT": "0",
            "NOTIFICATIONS_METRICS_PORT": "0",
            "IDENTITY_ADDRESS": identity,
            "TLS_CA_FILE": str(tls.ca_file),
            "TLS_CERTIFICATE_FILE": str(tls.certificate_file),
            "TLS_KEY_FILE": str(tls.key_file),
            "AUDIT_KEY": "test-only-audit-key-5f2c9e71b8d04a36",
            "NOTIFICATION_KEYS": KEY,
            "NOTIFICATION_INNER_NETWORKS": "127.0.0.0/8",
            "NOTIFICATION_CA_FILE": str(tls.ca_file),
            "DRAIN_SECONDS": "0",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'gen'}",
        }
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, port: int) -> None:
        environment = {**self._environment, "NOTIFICATIONS_PORT": str(port)}
        command = [sys.executable, "-m", "services.notifications"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()


class Publisher(threading.Thread):
    """Publishes EVENTS events as an outbox does, each until it is taken."""

    def __init__(self, stub: pb_grpc.NotificationsServiceStub, owners: Sequence[str]) -> None:
        super().__init__(daemon=True)
        self.done = threading.Event()
        self._stub = stub
        self._owners = owners

    def run(self) -> None:
        for number in range(EVENTS):
            self._publish(number)
            self.done.wait(0.05)

    def _publish(self, number: int) -> None:
        owner = self._owners[number % len(self._owners)]
        request = pb.PublishRequest(event_id=f"e{number}", kind="cookie.dead", owner_id=owner)
        request.valid_until.FromDatetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1))
        while not self.done.is_set():
            try:
                self._stub.Publish(request, timeout=2)
            except grpc.RpcError:
                self.done.wait(0.05)
            else:
                return


@pytest.mark.long
@pytest.mark.timeout(400)
def test_each_event_is_one_message_whatever_is_killed(
    fresh_database: FreshDatabase, certificates: Mapping[str, TlsFiles], tmp_path: Path
) -> None:
    randomness = random.Random(7)
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        free_port = int(reserved.getsockname()[1])
    identity, receiver = RunningIdentity(certificates["identity"]), Receiver(certificates["identity"])
    process = Process(
        fresh_database("notifications"), certificates["notifications"], identity.address, tmp_path / "log"
    )
    # A killed process keeps the channels that it was sending through for its lease; the others are served.
    owners = [identity.world.add("admin") for _ in range(OWNERS)]
    connection = channel(f"127.0.0.1:{free_port}", "notifications", certificates["activation"])
    publisher = Publisher(pb_grpc.NotificationsServiceStub(connection), [str(one.id) for one in owners])
    try:
        process.start(free_port)
        gateway = channel(f"127.0.0.1:{free_port}", "notifications", certificates["gateway"])
        by_owner = pb_grpc.NotificationsServiceStub(gateway)
        create = pb.CreateChannelRequest(kind="webhook", name="mine", address=receiver.url())

        def is_created(owner: Account) -> bool:
            try:
                by_owner.CreateChannel(create, metadata=owner.bearer, timeout=2)
            except grpc.RpcError:
                return False
            return True

        for owner in owners:
            wait_until(functools.partial(is_created, owner), "the replica answers", 60)
        publisher.start()
        for _ in range(KILLS):
            count = len(receiver.received)
            has_sent = functools.partial(receiver.has_more_than, count)
            wait_until(has_sent, "a message is sent", 90)
            time.sleep(randomness.uniform(0, 0.3))
            process.kill()
            process.start(free_port)
        publisher.join(120)
        assert not publisher.is_alive()
        wait_until(
            lambda: len({one.id for one in receiver.received}) == EVENTS, "all are sent", SETTLE_SECONDS
        )

        listed = pb.ListNotificationsRequest(size=200)
        items = [
            one for owner in owners for one in by_owner.ListNotifications(listed, metadata=owner.bearer).items
        ]
        assert len(items) == EVENTS
        assert {f"msg_{one.id.replace('-', '')}" for one in items} == {one.id for one in receiver.received}
        # At most the one that was being sent is repeated by a kill.
        assert len(receiver.received) <= EVENTS + KILLS
        gateway.close()
    finally:
        publisher.done.set()
        process.kill()
        connection.close()
        receiver.close()
        identity.down()
