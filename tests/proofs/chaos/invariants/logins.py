"""Logins: each has one end, and its events reach every watcher without gap or repeat."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.proofs.chaos.observation import Observation
from tests.proofs.chaos.record import Record

ENDS = frozenset({"success", "failure"})


def _events(observation: Observation) -> dict[str, list[Any]]:
    events: defaultdict[str, list[Any]] = defaultdict(list)
    for event in observation.rows["events"]:
        events[event.login_id].append(event)
    return events


def logins_end_once(observation: Observation, _record: Record) -> Iterator[str]:
    """Every login has ended, with one event that says so and says the same."""
    events = _events(observation)
    for login in observation.rows["logins"]:
        ends = [event.kind for event in events[login.id] if event.kind in ENDS]
        if login.ended_at is None:
            yield f"login {login.id[:8]} still runs, {login.stage}"
        elif ends != ["success" if login.stage == "succeeded" else "failure"]:
            yield f"login {login.id[:8]} is {login.stage} and has the ends {ends}"


def login_events_gap_free(observation: Observation, _record: Record) -> Iterator[str]:
    """The events of a login are numbered from 1 to as many as it counts."""
    events = _events(observation)
    for login in observation.rows["logins"]:
        sequences = [event.sequence for event in events[login.id]]
        if sequences != list(range(1, login.last_sequence + 1)):
            yield f"login {login.id[:8]} counts {login.last_sequence} events and has {sequences}"


def watchers_saw_no_gap(observation: Observation, record: Record) -> Iterator[str]:
    """Watchers received the events from the first on, each once, and as they are stored."""
    stored = {(event.login_id, event.sequence): event.kind for event in observation.rows["events"]}
    for account in record.accounts.values():
        for login in account.logins:
            name = login.login_key[:8]
            if login.sequences != list(range(1, len(login.events) + 1)):
                yield f"the watcher of login {name} saw {login.sequences}"
            for event in login.events:
                kind = stored.get((login.login_key, int(event["sequence"])))
                if kind is not None and kind not in event:
                    yield f"the watcher of login {name} saw something else than is stored"
