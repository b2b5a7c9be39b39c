"""Event streams: the edges of the format, in pieces of any size."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastmp.cli import event_stream
from fastmp.cli.event_stream import events
from fastmp.cli.failures import UnreachableError

BODY = 'data: {"n": 1, "说": "甲"}\n\ndata: {"n": 2}\r\n\r\n: a comment\n\ndata: {"n":\ndata: 3}\n\n'.encode()
WANTED = [{"n": 1, "说": "甲"}, {"n": 2}, {"n": 3}]


@given(st.lists(st.integers(0, len(BODY)), max_size=8))
def test_events_are_the_same_wherever_the_pieces_end(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(BODY)]
    pieces = [BODY[begin:end] for begin, end in itertools.pairwise(edges)]
    assert list(events(pieces)) == WANTED


def test_an_event_is_there_before_the_next_one_begins() -> None:
    def pieces() -> object:
        yield b'data: {"n": 1}\n\n'
        raise AssertionError("the second piece was asked for")

    assert next(events(pieces())) == {"n": 1}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "body", [b'data: {"n": 1', b"data: \xff\xfe\n\n", b"data: [1]\n\n", b"data: oops\n\n"]
)
def test_what_is_no_whole_event_is_a_broken_stream(body: bytes) -> None:
    with pytest.raises(UnreachableError):
        list(events([body]))


def test_an_event_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "LARGEST_EVENT_BYTES", 100)
    small = f"data: {json.dumps({'n': 1})}\n\n".encode()
    assert len(list(events([small] * 50))) == 50

    def endless() -> object:
        while True:
            yield b"data: 12345\n"

    with pytest.raises(UnreachableError, match="too large"):
        list(events(endless()))  # type: ignore[arg-type]
