"""Times as text: fixed width, in UTC, so that their order is the order of the times."""

import datetime
import re

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql

from services.activation.codes.iso_time import PATTERN, IsoTime, iso_text

times = st.datetimes(
    # What a zone adds or takes must not leave the calendar.
    min_value=datetime.datetime(2, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone.
    max_value=datetime.datetime(9998, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([datetime.UTC, datetime.timezone(datetime.timedelta(hours=8))]),
)


@given(times)
def test_what_is_written_is_read_again_to_the_microsecond(time: datetime.datetime) -> None:
    column, dialect = IsoTime(), postgresql.dialect()  # type: ignore[no-untyped-call]
    written = column.process_bind_param(time, dialect)

    assert column.process_result_value(written, dialect) == time


@given(times, times)
def test_the_order_of_the_texts_is_that_of_the_times(
    one: datetime.datetime, other: datetime.datetime
) -> None:
    assert (iso_text(one) < iso_text(other)) == (one < other)


@given(times)
def test_the_database_accepts_the_format(time: datetime.datetime) -> None:
    assert re.match(PATTERN, iso_text(time))


def test_a_whole_second_is_as_long_as_any_other_time() -> None:
    assert iso_text(datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)) == "2026-01-02T00:00:00.000000Z"
