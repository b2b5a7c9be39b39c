"""A text/event-stream as the JSON objects that its events carry."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import sseclient

from fastmp.cli.failures import UnreachableError

# An event holds a picture of a few hundred kilobytes at most.
LARGEST_EVENT_BYTES = 4 * 1024 * 1024


class _Bounded:
    """The pieces of a stream, as long as no event is larger than it may be."""

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
    """The events, each as soon as it is whole. Ends when the stream does.

    Raises UnreachableError when an event is no JSON object, as the last one of a stream that was cut off.
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
        # Also what is no UTF-8.
        raise UnreachableError("the event stream was cut off") from error
