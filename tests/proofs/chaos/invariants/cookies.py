"""Cookies: those that logins yielded are there with their folders, one of each owner's is current."""

from collections import Counter
from collections.abc import Iterator

from tests.proofs.chaos.observation import Folder, Observation
from tests.proofs.chaos.record import Outcome, Record

FILES = frozenset({"cookie.json", "gzhcookies.cookie"})
MAY_BE = frozenset({"avatar.jpg"})
PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600


def acknowledged_cookies_are_there(observation: Observation, record: Record) -> Iterator[str]:
    """A cookie that was acknowledged is its owner's; a deleted or replaced one is gone."""
    owners = {cookie.token: cookie.owner_id for cookie in observation.rows["cookies"]}
    for account in record.accounts.values():
        for token, there in account.cookies.items():
            if there is Outcome.YES and account.exists is Outcome.YES and owners.get(token) != account.id:
                yield f"account {account.id} has lost its cookie {token}"
            if there is Outcome.NO and token in owners:
                yield f"cookie {token} of account {account.id} is there although it was deleted or replaced"


def one_current_cookie(observation: Observation, _record: Record) -> Iterator[str]:
    """Every owner with cookies has exactly one current one."""
    current: Counter[str] = Counter()
    for cookie in observation.rows["cookies"]:
        current[cookie.owner_id] += bool(cookie.is_current)
    for owner_id, count in current.items():
        if count != 1:
            yield f"account {owner_id} has {count} current cookies"


def folders_match_cookies(observation: Observation, _record: Record) -> Iterator[str]:
    """There is a complete folder for each cookie and no other, readable by its owner only."""
    tokens = {cookie.token for cookie in observation.rows["cookies"]}
    for token in sorted(tokens - observation.folders.keys()):
        yield f"cookie {token} has no folder"
    for token in sorted(observation.folders.keys() - tokens):
        yield f"folder {token} has no cookie"
    for token, folder in observation.folders.items():
        if not _is_whole(folder):
            yield f"folder {token} is not whole, or not private: {dict(folder.files)}"


def acknowledged_hand_outs_are_recorded(observation: Observation, record: Record) -> Iterator[str]:
    """Each hand-out that a program was given is recorded, and was of a cookie of that owner."""
    stored = observation.by("acquisitions", "id")
    for given in record.acquisitions:
        row = stored.get(given.id)
        if row is None or (row.token, row.owner_id) != (given.token, given.owner_id):
            yield f"hand-out {given.id} of account {given.owner_id} is not recorded"


def _is_whole(folder: Folder) -> bool:
    names = folder.files.keys()
    private = folder.mode == PRIVATE_FOLDER and set(folder.files.values()) == {PRIVATE_FILE}
    return private and names >= FILES and names <= FILES | MAY_BE
