"""Limits how many logins are started in an hour: by an account, and through one way out to WeChat."""

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
    """Counts starts, exactly over all replicas. Thread-safe."""

    def __init__(
        self, database: Database, limits: LoginLimits, way_out: str, now: Callable[[], datetime.datetime]
    ) -> None:
        """`way_out` names the address from which WeChat is asked: a proxy, or nothing for the machine's own."""
        self._attempts = Attempts(database, login_starts, WINDOW, now)
        self._per_account = limits.starts_per_account
        self._way_out = Bucket(bucket_key("way out", way_out), limits.starts_per_way_out)

    def count(self, connection: Connection, owner_id: uuid.UUID) -> None:
        """Counts a start in the open transaction. Raises LoginStartsThrottledError when a limit is reached."""
        by_account = Bucket(bucket_key("account", str(owner_id)), self._per_account)
        # The account's own limit first: an account that has used it up says nothing of the way out.
        self._attempts.count_within(connection, (by_account, self._way_out), LoginStartsThrottledError)

    def purge(self) -> int:
        """Removes the starts that no longer count, and returns the number of rows."""
        return self._attempts.purge()
