"""Notifies admins when few codes can still be redeemed."""

import datetime
from collections.abc import Callable

from sqlalchemy import Connection, select, update

from services.activation.codes.overview import redeemable
from services.activation.tables import code_stock
from services.chassis.background_loop import BackgroundLoop
from services.chassis.outbox.outbox import Outbox, OutboxEvent
from services.chassis.postgres.database import Database

KIND = "codes.low"
INTERVAL_SECONDS = 60.0
# A shortage that lasts longer is not news.
VALID = datetime.timedelta(days=7)

_row = code_stock.c


class StockWatch:
    """A loop that compares the number of codes that can be redeemed with `least`. 0 turns it off.

    A shortage is one event, whatever number of replicas watch: it begins when there are fewer than `least`, after
    there have been as many, and is withdrawn when there are again.
    """

    def __init__(
        self, database: Database, outbox: Outbox, least: int, now: Callable[[], datetime.datetime]
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._least = least
        self._now = now
        self._loop = BackgroundLoop("code-stock", self.look, INTERVAL_SECONDS)

    def start(self) -> None:
        """Starts the thread."""
        self._loop.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._loop.stop()

    def look(self) -> None:
        """Records the beginning or the end of a shortage, with its event, in one transaction."""
        with self._database.transaction() as connection:
            is_low, number = connection.execute(select(_row.is_low, _row.number).with_for_update()).one()
            count, now = redeemable(connection, self._now()), self._now()
            if count < self._least and not is_low:
                self._begin(connection, number + 1, count, now)
            elif count >= self._least and is_low:
                connection.execute(update(code_stock).values(is_low=False))
                if number:
                    self._outbox.withdraw(connection, f"{KIND}:{number}")

    def _begin(self, connection: Connection, number: int, count: int, now: datetime.datetime) -> None:
        connection.execute(update(code_stock).values(is_low=True, number=number))
        values = {"count": str(count)}
        self._outbox.publish(connection, OutboxEvent(f"{KIND}:{number}", KIND, None, "", now + VALID, values))
