"""Sets how far Notifications has followed Identity's feed, for services.reconcile."""

from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from services.notifications.inbox import accounts
from services.notifications.tables import feed_cursor


@dataclass(frozen=True)
class FollowingPart:
    """The position in the feed, in one open transaction."""

    connection: Connection

    def cursor(self) -> int:
        """Returns the position up to which Identity's feed was followed."""
        return int(self.connection.execute(select(feed_cursor.c.sequence)).scalar_one())

    def follow_from(self, sequence: int) -> None:
        """Sets the position after which Identity's feed will be followed.

        The service then asks Identity about every account, and deletes the data of those that do not exist.
        """
        self.connection.execute(update(feed_cursor).values(sequence=sequence))
        accounts.all_changed(self.connection, sequence)
