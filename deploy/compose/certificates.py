"""Issues the certificates of a compose stack: `python -m deploy.compose.certificates`.

The authority stays in /certificates/authority, which nothing else mounts; each name's folder gets its own
certificate and key beside the authority's certificate, and is mounted by that service alone.
"""

import datetime
import shutil
from pathlib import Path

from deploy.local.certificates import AUTHORITY, ensure_certificates

ROOT = Path("/certificates")
NAMES = ("gateway", "identity", "activation", "wechat_cookie", "ops", "collector")


def issue(root: Path, now: datetime.datetime) -> None:
    """Makes or renews what is missing or near its end. Idempotent. Raises OSError for folders that are missing."""
    authority = root / "authority"
    ensure_certificates(authority, NAMES, now)
    for name in NAMES:
        for file in (f"{AUTHORITY}.pem", f"{name}.pem", f"{name}.key"):
            shutil.copy(authority / file, root / name / file)


if __name__ == "__main__":
    issue(ROOT, datetime.datetime.now(datetime.UTC))
