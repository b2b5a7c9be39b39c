"""A worker process that hashes passwords for a replica: `python -m services.identity.passwords.worker_main`.

It reads requests from standard input, one JSON object a line, writes each answer as a line to standard output, and
ends at the end of its input, so soon after the replica. It has a low priority, and a session of its own: with
autogroups (sched(7)), Linux applies a priority only within a session.
"""

import contextlib
import json
import os
import sys
from pathlib import Path

from services.identity.passwords.hashes import UnusableHashError, hash_password, verify_password

# Low, so that short work of other processes gets the core first.
NICENESS = 10
AUTOGROUP = Path("/proc/self/autogroup")


def answer(request: dict[str, object]) -> dict[str, object]:
    """Answers a request for a new hash, with `salt` (hex) and `rounds`, or for a comparison with `stored`.

    Returns `hash`; or `matches`, or `unusable` with the reason if `stored` cannot be verified.
    """
    match request:
        case {"password": str(password), "salt": str(salt), "rounds": int(rounds)}:
            return {"hash": hash_password(password, bytes.fromhex(salt), rounds)}
        case {"password": str(password), "stored": str(stored)}:
            try:
                return {"matches": verify_password(password, stored)}
            except UnusableHashError as error:
                return {"unusable": str(error)}
    raise ValueError("not a request")


def main() -> None:
    """Answers requests until the input ends."""
    os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    # The priority of the session. Without autogroups, only the niceness applies.
    with contextlib.suppress(OSError):
        AUTOGROUP.write_text(str(NICENESS))
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
