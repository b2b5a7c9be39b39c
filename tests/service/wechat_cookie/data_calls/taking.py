"""A replica that takes as many data calls of an owner as it can, with many threads: a program for test_exact.py.

`python -m tests.service.wechat_cookie.data_calls.taking OWNER THREADS SPACING`, the database's URL in DATABASE_URL.
Prints "ready", starts at a line on standard input, and prints the tokens with the times of their calls as JSON.
"""

import datetime
import json
import os
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor

from services.chassis.clock import utc_now
from services.chassis.errors import ThrottledError
from services.chassis.postgres.database import Database
from services.wechat_cookie.data_calls import budget
from services.wechat_cookie.data_calls.limits import BudgetLimits

# A longer pause means that the hour's calls are used up.
USED_UP = datetime.timedelta(minutes=1)


def main() -> None:
    """Takes until every thread was told that the hour's calls are used up."""
    owner, threads, seconds = uuid.UUID(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    spacing = datetime.timedelta(seconds=seconds)
    database = Database(os.environ["DATABASE_URL"], pool_size=threads)
    taken: list[tuple[str, str]] = []

    def take_all() -> None:
        while True:
            now = utc_now()
            try:
                with database.reading() as connection:
                    one = budget.take(connection, owner, BudgetLimits(), spacing, now)
            except ThrottledError as error:
                if error.retry_after > USED_UP:
                    return
                continue
            taken.append((one.token, now.isoformat()))

    # A first refusal or call opens the connections, so that the race begins with the line.
    print("ready", flush=True)
    sys.stdin.readline()
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(take_all) for _ in range(threads)]:
            done.result()
    database.dispose()
    print(json.dumps(taken), flush=True)


if __name__ == "__main__":
    main()
