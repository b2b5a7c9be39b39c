"""Page tokens: exact, and nothing else is taken for one."""

import contextlib
import datetime
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import InvalidArgumentError
from services.chassis.pages import Position, page_token, position_of

times = st.timedeltas(datetime.timedelta(0), datetime.timedelta(days=365 * 7000)).map(
    lambda since: datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + since
)


@given(times, st.uuids())
def test_a_token_gives_its_position_to_the_microsecond(time: datetime.datetime, row: uuid.UUID) -> None:
    assert position_of(page_token(Position(time, row))) == Position(time, row)


@given(st.text(max_size=40))
def test_any_other_text_is_refused_without_a_fault(text: str) -> None:
    with contextlib.suppress(InvalidArgumentError):
        assert isinstance(position_of(text), Position)


@pytest.mark.parametrize("text", ["", "x", "AAAA", "é", "_" * 32, "A" * 33, "AAAA AAAA"])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError):
        position_of(text)
