"""The chain of digests over the entries of an audit log."""

import datetime
import hmac
import json
from collections.abc import Mapping
from typing import Any

FACTS = ("action", "outcome", "actor", "actor_email", "target", "client_address", "request_id", "details")


def digest(key: bytes, previous: bytes, position: int, entry: Mapping[str, Any]) -> bytes:
    """The digest of the entry at `position`, which follows the one with the digest `previous`.

    Keyed: whoever can write to the table but has not the service's AUDIT_KEY cannot mend the chain. `entry` has the
    columns of a row; its time counts to the microsecond.
    """
    moment: datetime.datetime = entry["time"]
    facts = [position, moment.astimezone(datetime.UTC).isoformat(timespec="microseconds")]
    facts += [entry[name] for name in FACTS]
    # JSON with sorted keys, so that the same facts are always the same bytes.
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
    return hmac.digest(key, previous + canonical, "sha256")
