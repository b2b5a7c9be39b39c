"""Issues the certificates of a compose stack: `python -m deploy.compose.certificates [--renew]`.

The authority stays in /certificates/authority, which nothing else mounts; each name's folder gets its own
certificate and key beside the authority's certificate, and is mounted by that service alone. With `--renew` the
program goes on and renews hourly what ends soon.
"""

import datetime
import signal
import sys
import threading
from pathlib import Path

from deploy.local.certificates import AUTHORITY, ensure_certificates
from deploy.local.private_files import write_private

ROOT = Path("/certificates")
NAMES = ("gateway", "identity", "activation", "wechat_cookie", "ops", "collector")
RENEWAL_SECONDS = 3600.0


def issue(root: Path, now: datetime.datetime) -> None:
    """Makes or renews what is missing or near its end. Idempotent. Raises OSError for folders that are missing."""
    authority = root / "authority"
    ensure_certificates(authority, NAMES, now)
    for name in NAMES:
        for file in (f"{AUTHORITY}.pem", f"{name}.key", f"{name}.pem"):
            content, copy = (authority / file).read_bytes(), root / name / file
            # An unchanged file is not replaced: its readers would read it again.
            if not copy.exists() or copy.read_bytes() != content:
                write_private(copy, content)


def main() -> None:
    """Issues once, or with `--renew` until SIGTERM."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stopping.set())
    issue(ROOT, datetime.datetime.now(datetime.UTC))
    while "--renew" in sys.argv[1:] and not stopping.wait(RENEWAL_SECONDS):
        issue(ROOT, datetime.datetime.now(datetime.UTC))


if __name__ == "__main__":
    main()
