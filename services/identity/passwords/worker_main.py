"""The process that hashes passwords for a replica: `python -m services.identity.passwords.worker_main`.

It reads questions from its standard input, one JSON object in a line, answers each in a line on its standard
output, and ends with its input, so never long after the replica. It is of low priority, and in a session of its
own: where Linux groups processes by session (autogroup, sched(7)), a priority counts only within one.
"""

import contextlib
import json
import os
import sys
from pathlib import Path

from services.identity.passwords.hashes import UnusableHashError, hash_password, verify_password

# Hashing yields its core to work that takes a moment.
NICENESS = 10
AUTOGROUP = Path("/proc/self/autogroup")


def answer(question: dict[str, object]) -> dict[str, object]:
    """A new hash for `salt` (hex) and `rounds`; whether the password matches `stored`, or why that is unusable."""
    match question:
        case {"password": str(password), "salt": str(salt), "rounds": int(rounds)}:
            return {"hash": hash_password(password, bytes.fromhex(salt), rounds)}
        case {"password": str(password), "stored": str(stored)}:
            try:
                return {"matches": verify_password(password, stored)}
            except UnusableHashError as error:
                return {"unusable": str(error)}
    raise ValueError("not a question")


def main() -> None:
    """Answers until the input ends."""
    os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    # The session's own priority. Where there are no autogroups the niceness alone has to do.
    with contextlib.suppress(OSError):
        AUTOGROUP.write_text(str(NICENESS))
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
