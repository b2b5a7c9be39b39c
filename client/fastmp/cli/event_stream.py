"""Parsing of a text/event-stream whose events are JSON objects."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import sseclient

from fastmp.cli.failures import UnreachableError

# The largest events contain a picture of a few hundred kilobytes.
LARGEST_EVENT_BYTES = 4 * 1024 * 1024


class _Bounded:
    """The pieces of a stream. Raises UnreachableError if an event is larger than LARGEST_EVENT_BYTES."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self.since_event = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.since_event += len(piece)
            if self.since_event > LARGEST_EVENT_BYTES:
                raise UnreachableError("the server sent an event that is too large")
            yield piece


def events(pieces: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yields the events, each when it is complete, until the stream ends.

    Raises UnreachableError if an event is not a JSON object, such as an incomplete last one.
    """
    bounded = _Bounded(pieces)
    try:
        for event in sseclient.SSEClient(iter(bounded)).events():
            bounded.since_event = 0
            content = json.loads(event.data)
            if not isinstance(content, dict):
                raise UnreachableError("the server sent an event that is not understood")
            yield content
    except (ValueError, RecursionError) as error:
        # Also raised for text that is not UTF-8.
        raise UnreachableError("the event stream was cut off") from error
