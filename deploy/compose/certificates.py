"""Issues the certificates of a compose stack: `python -m deploy.compose.certificates [--renew]`.

The authority is kept in /certificates/authority, which no other container mounts. Each name has a folder with its
own certificate and key and the authority's certificate, which only that service mounts. With `--renew` the program
keeps running and hourly renews the certificates that expire soon.
"""

import datetime
import signal
import sys
import threading
from pathlib import Path

from deploy.local.certificates import AUTHORITY, ensure_certificates
from deploy.local.private_files import write_private

ROOT = Path("/certificates")
NAMES = (
    "gateway",
    "identity",
    "activation",
    "wechat_cookie",
    "notifications",
    "ops",
    "collector",
    "prometheus",
)
RENEWAL_SECONDS = 3600.0


def issue(root: Path, now: datetime.datetime) -> None:
    """Issues certificates that are missing or expire soon. Idempotent. Raises OSError if a folder is missing."""
    authority = root / "authority"
    ensure_certificates(authority, NAMES, now)
    for name in NAMES:
        for file in (f"{AUTHORITY}.pem", f"{name}.key", f"{name}.pem"):
            content, copy = (authority / file).read_bytes(), root / name / file
            # An unchanged file is not replaced, because its readers would reload it.
            if not copy.exists() or copy.read_bytes() != content:
                write_private(copy, content)


def main() -> None:
    """Issues the certificates once, or with `--renew` periodically until SIGTERM."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stopping.set())
    issue(ROOT, datetime.datetime.now(datetime.UTC))
    while "--renew" in sys.argv[1:] and not stopping.wait(RENEWAL_SECONDS):
        issue(ROOT, datetime.datetime.now(datetime.UTC))


if __name__ == "__main__":
    main()
