"""The account feed: without gaps, with every account, and followed to its head."""

from collections import defaultdict
from collections.abc import Iterator

from tests.proofs.chaos.observation import Observation
from tests.proofs.chaos.record import Outcome, Record


def feed_gap_free(observation: Observation, _record: Record) -> Iterator[str]:
    """The sequences go from the first that is kept to the head, each once."""
    [feed] = observation.rows["feed"]
    sequences = [change.sequence for change in observation.rows["changes"]]
    missing = set(range(feed.pruned_up_to + 1, feed.sequence + 1)) - set(sequences)
    if missing:
        yield f"the feed lacks {len(missing)} changes, the first at {min(missing)} of {feed.sequence}"
    if sequences and sequences[-1] > feed.sequence:
        yield f"the feed has changes up to {sequences[-1]} and says {feed.sequence}"


def feed_has_every_account(observation: Observation, record: Record) -> Iterator[str]:
    """Each account's first change is there, and its deletion once, as its last."""
    kinds: defaultdict[str, list[str]] = defaultdict(list)
    for change in observation.rows["changes"]:
        kinds[change.account_id].append(change.kind)
    accounts = observation.by("accounts", "id")
    for account_id in accounts:
        if not kinds[account_id] or "deleted" in kinds[account_id]:
            yield f"the feed has {kinds[account_id]} of account {account_id}, which exists"
    for known in record.accounts.values():
        if known.exists is Outcome.NO and known.id not in accounts:
            announced = kinds[known.id]
            if announced.count("deleted") != 1 or announced[-1] != "deleted":
                yield f"the feed has {announced} for account {known.id}, which was deleted"


def subscribers_at_the_head(observation: Observation, _record: Record) -> Iterator[str]:
    """Both subscribers have dealt with every change."""
    [feed] = observation.rows["feed"]
    for subscriber in ("activation", "wechat_cookie"):
        [cursor] = observation.rows[f"{subscriber}_cursor"]
        if cursor.sequence != feed.sequence:
            yield f"{subscriber} has followed to {cursor.sequence} of {feed.sequence}"
