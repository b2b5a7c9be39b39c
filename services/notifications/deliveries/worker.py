"""The workers of a replica, which claim channels and send their deliveries."""

import datetime
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from services.chassis.background_loop import BackgroundLoop
from services.chassis.errors import DomainError
from services.chassis.identity.client import IdentityClient
from services.chassis.language import Language
from services.chassis.postgres.database import Database
from services.chassis.vault import Vault
from services.notifications.channels.targets import Secrets
from services.notifications.days.following import is_still_true
from services.notifications.days.notices import PUBLISHER
from services.notifications.deliveries import claims, outcomes
from services.notifications.deliveries.claims import ClaimedChannel, PendingDelivery
from services.notifications.deliveries.outcomes import Failure
from services.notifications.sending.errors import SendingError
from services.notifications.sending.messages import Message
from services.notifications.sending.sender import Sender, Target

_log = structlog.get_logger(__name__)

# After this time a worker begins no further delivery of its claim. With the longest exchange it is within the
# lease.
CLAIM_SECONDS = 15.0
IDLE_SECONDS = 30.0
# Workers for channels whose last attempt has succeeded, and for the others. A receiver that hangs becomes one of
# the others, so that it does not delay those that answer.
WORKERS = 24
FAILING_WORKERS = 8
# A channel that is due and cannot be claimed, because its owner has others at work, is looked for again after this.
LEAST_SECONDS = 0.5


@dataclass(frozen=True)
class Deliverer:
    """Sends what is due through a claimed channel. Thread-safe. `now` returns an aware datetime."""

    database: Database
    vault: Vault
    sender: Sender
    identity: IdentityClient
    now: Callable[[], datetime.datetime]

    def deliver(
        self, lease: uuid.UUID, channel_id: uuid.UUID, is_stopping: Callable[[], bool] = lambda: False
    ) -> None:
        """Sends the due deliveries until one fails, and releases the channel.

        If the process dies, the claim's lease expires and the delivery is repeated, with the same message id.
        Raises DomainError if the database or Identity is unavailable; the lease then expires, too.
        """
        opened = claims.open_claim(self.database, lease, channel_id, self.now())
        if opened is None:
            return
        channel, pending = opened
        has_delivered, failure = False, None
        end = time.monotonic() + CLAIM_SECONDS
        for delivery in self._true_ones(pending):
            if is_stopping() or time.monotonic() >= end:
                break
            if not claims.begin_attempt(self.database, channel, delivery, self.now()):
                continue
            failure = self._attempt(channel, delivery)
            if failure is not None:
                break
            claims.delivered(self.database, delivery, self.now())
            has_delivered = True
        outcomes.release(self.database, channel, self.now(), has_delivered=has_delivered, failure=failure)

    def _true_ones(self, pending: list[PendingDelivery]) -> list[PendingDelivery]:
        """Drops the notices about days that Identity does not confirm, and returns the other deliveries."""
        notices = [one for one in pending if one.publisher == PUBLISHER]
        if not notices:
            return pending
        found = self.identity.principals(sorted({str(one.owner_id) for one in notices}))
        untrue = [one.id for one in notices if not is_still_true(one.event_id, found.get(str(one.owner_id)))]
        if untrue:
            with self.database.transaction() as connection:
                outcomes.drop(connection, untrue, "WITHDRAWN", self.now())
        return [one for one in pending if one.id not in untrue]

    def _attempt(self, channel: ClaimedChannel, delivery: PendingDelivery) -> Failure | None:
        try:
            self.sender.send(self._target(channel), _message(channel, delivery))
        except SendingError as error:
            return Failure(delivery, error.shown, error.is_final, error.retry_after)
        except Exception as error:  # noqa: BLE001 - A fault in sending must not make a channel be tried for ever.
            _log.error("delivery_faulty", kind=channel.kind, error=type(error).__name__)
            return Failure(delivery, "FAULT")
        return None

    def _target(self, channel: ClaimedChannel) -> Target:
        secrets = Secrets.opened(self.vault, channel.secrets)
        return secrets.target(channel.kind, channel.previous_secret_until, self.now())


def _message(channel: ClaimedChannel, delivery: PendingDelivery) -> Message:
    is_english = channel.language == Language.ENGLISH
    return Message(
        id=f"msg_{delivery.notification_id.hex}",
        kind=delivery.kind,
        subject_id=delivery.subject_id,
        title=delivery.title_en if is_english else delivery.title_zh,
        text=delivery.text_en if is_english else delivery.text_zh,
        link=delivery.link,
        time=delivery.notified_time,
    )


class Workers:
    """Threads that deliver through due channels of one sort: those that work, or those that fail."""

    def __init__(
        self,
        database: Database,
        deliverer: Deliverer,
        now: Callable[[], datetime.datetime],
        *,
        failing: bool,
        threads: int,
    ) -> None:
        name = "deliveries-failing" if failing else "deliveries"
        self._database = database
        self._deliverer = deliverer
        self._now = now
        self._failing = failing
        self._threads = threads
        self._busy = 0
        self._lock = threading.Lock()
        # Threads are created when they are needed.
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._loop = BackgroundLoop(name, self._step, IDLE_SECONDS)

    def start(self) -> None:
        """Starts the loop, which begins with what is due."""
        self._loop.start()

    def wake(self) -> None:
        """Makes the loop look for due channels now."""
        self._loop.wake()

    def stop(self) -> None:
        """Ends the threads after the running exchanges, and releases their channels."""
        self._loop.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _step(self) -> float:
        """Claims channels for the free threads. Returns the seconds until the next one is due."""
        free = self._threads - self._busy
        if free > 0:
            lease, found = claims.claim(self._database, free, self._now(), failing=self._failing)
            for channel_id in found:
                with self._lock:
                    self._busy += 1
                self._pool.submit(self._deliver, lease, channel_id)
            if len(found) == free:
                # More may be due; the end of one of these threads wakes the loop.
                return IDLE_SECONDS
        due = claims.next_due(self._database, failing=self._failing)
        if due is None:
            return IDLE_SECONDS
        return min(IDLE_SECONDS, max(LEAST_SECONDS, (due - self._now()).total_seconds()))

    def _deliver(self, lease: uuid.UUID, channel_id: uuid.UUID) -> None:
        try:
            self._deliverer.deliver(lease, channel_id, lambda: self._loop.is_stopping)
        except DomainError as error:
            _log.warning("delivery_interrupted", reason=error.reason)
        except Exception as error:  # noqa: BLE001 - The lease expires, and another worker continues.
            _log.error("delivery_interrupted", error=type(error).__name__)
        finally:
            with self._lock:
                self._busy -= 1
            self._loop.wake()
