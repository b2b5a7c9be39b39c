"""The upkeep of logins goes on although another replica holds rows that are due."""

import threading
from contextlib import nullcontext
from itertools import chain, repeat
from unittest.mock import MagicMock, Mock

from services.wechat_cookie.logins.store.retention import BATCH
from services.wechat_cookie.logins.work.upkeep import LoginUpkeep


def test_overdue_logins_are_ended_batch_by_batch_and_those_that_another_replica_holds_are_left() -> None:
    swept, database, hub, retention, measures = threading.Event(), MagicMock(), Mock(), Mock(), Mock()
    database.direct.side_effect = database.transaction.side_effect = nullcontext
    hub.take_seen.return_value = set()
    retention.is_any_running.return_value = False
    # There always is an overdue login, but after two batches none that is not locked.
    retention.seconds_to_deadline.return_value = -1.0
    retention.end_overdue.side_effect = chain(repeat([Mock()] * BATCH, 2), repeat([], 1000))
    upkeep = LoginUpkeep(database, retention, hub, measures, Mock(), swept.set, sweep_seconds=600)
    upkeep.start()
    try:
        assert swept.wait(20)
        assert retention.end_overdue.call_count < 1000
        assert measures.ended.call_count == 2 * BATCH
    finally:
        upkeep.stop()
