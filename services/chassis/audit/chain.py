"""The MACs and digests that protect an audit log, computed with the service's AUDIT_KEY."""

import datetime
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any

# The columns that are known when an entry is written.
FACTS = ("action", "outcome", "actor", "actor_email", "target", "client_address", "request_id", "details")
# The columns covered by an entry's digest, in addition to its position.
COVERED = ("id", "time", *FACTS, "mac")
NONCE_BYTES = 16
# A separate key is derived for each use, so that a value of one use is never valid for another.
_ENTRY_KEY = b"fastmp audit entry"
_ANCHOR_KEY = b"fastmp audit anchor"


def entry_mac(key: bytes, entry: Mapping[Any, Any]) -> bytes:
    """Returns a new MAC of an entry's time and facts: a nonce, and the HMAC-SHA-256 over both.

    The nonce makes it unique, so that a copy of an entry is detected by its duplicate MAC.
    """
    return _entry_mac(key, secrets.token_bytes(NONCE_BYTES), entry)


def has_right_mac(key: bytes, entry: Mapping[Any, Any]) -> bool:
    """Returns whether a holder of the key wrote the entry; False without a MAC. Compares in constant time."""
    mac: bytes | None = entry["mac"]
    if mac is None:
        return False
    return hmac.compare_digest(_entry_mac(key, mac[:NONCE_BYTES], entry), mac)


def digest(key: bytes, previous: bytes, position: int, entry: Mapping[Any, Any]) -> bytes:
    """Returns the digest of the entry at `position`, which follows the one with the digest `previous`."""
    mac: bytes | None = entry["mac"]
    covered = [position, *_facts(entry)]
    if mac is not None:
        covered += [entry["id"], mac.hex()]
    return hmac.digest(key, previous + _canonical(covered), "sha256")


def sealed_digest(key: bytes, previous: bytes, position: int, entry: Mapping[Any, Any]) -> bytes | None:
    """Returns the stored digest of a sealed entry, or None if it is wrong."""
    stored: bytes | None = entry["digest"]
    if stored is None:
        return None
    # The previous release had no MACs. In a rolling update, its replicas also sealed entries that have one.
    older = {**entry, "mac": None}
    for expected in (digest(key, previous, position, entry), digest(key, previous, position, older)):
        if hmac.compare_digest(expected, stored):
            return expected
    return None


def anchor_mac(key: bytes, position: int, last: bytes) -> bytes:
    """Returns the MAC of the record that the entries up to `position`, whose digest is `last`, were pruned."""
    covered = _canonical([position, last.hex()])
    return hmac.digest(_derived(key, _ANCHOR_KEY), covered, "sha256")


def _entry_mac(key: bytes, nonce: bytes, entry: Mapping[Any, Any]) -> bytes:
    covered = nonce + _canonical(_facts(entry))
    return nonce + hmac.digest(_derived(key, _ENTRY_KEY), covered, "sha256")


def _facts(entry: Mapping[Any, Any]) -> list[Any]:
    moment: datetime.datetime = entry["time"]
    in_utc = moment.astimezone(datetime.UTC).isoformat(timespec="microseconds")
    return [in_utc, *(entry[name] for name in FACTS)]


def _canonical(values: list[Any]) -> bytes:
    # JSON with sorted keys, so that the same values are always the same bytes.
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode()


def _derived(key: bytes, use: bytes) -> bytes:
    return hmac.digest(key, use, "sha256")
