"""Limits how many logins are started in an hour: by an account, and through one egress address to WeChat."""

import datetime
import uuid
from collections.abc import Callable

from sqlalchemy import Connection

from services.chassis.postgres.database import Database
from services.chassis.throttling.attempts import Attempts, Bucket, bucket_key
from services.wechat_cookie.logins.errors import LoginStartsThrottledError
from services.wechat_cookie.logins.rules.state import LoginLimits
from services.wechat_cookie.logins.store.tables import login_starts

WINDOW = datetime.timedelta(hours=1)


class LoginStarts:
    """Counts starts exactly across all replicas. Thread-safe."""

    def __init__(
        self, database: Database, limits: LoginLimits, egress: str, now: Callable[[], datetime.datetime]
    ) -> None:
        """`egress` identifies the address that requests to WeChat come from: a proxy, or "" for direct requests."""
        self._attempts = Attempts(database, login_starts, WINDOW, now)
        self._per_account = limits.starts_per_account
        self._egress = Bucket(bucket_key("way out", egress), limits.starts_per_egress)

    def count(self, connection: Connection, owner_id: uuid.UUID) -> None:
        """Counts a start in the open transaction. Raises LoginStartsThrottledError when a limit is reached."""
        by_account = Bucket(bucket_key("account", str(owner_id)), self._per_account)
        # The account's own limit first, so that refused starts do not count against the egress address.
        self._attempts.count_within(connection, (by_account, self._egress), LoginStartsThrottledError)

    def purge(self) -> int:
        """Deletes the starts that no longer count and returns the number of rows."""
        return self._attempts.purge()
