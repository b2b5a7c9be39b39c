"""Values and settings of an import: each text is read in one way, or its row is left out with a reason."""

import datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.chassis.importing import values
from services.chassis.importing.report import Report
from services.chassis.importing.settings import ImportSettings
from services.chassis.importing.source import SourceError, source_url
from services.chassis.importing.values import LeftOutError

NOON = datetime.datetime(2025, 3, 4, 12, 0, 0, 500_000, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2025-03-04T12:00:00.500000Z",
        "2025-03-04T12:00:00.5",
        "2025-03-04 12:00:00.500000",
        "2025-03-04 20:00:00.5+08",
        "2025-03-04T20:00:00.500000+08:00",
    ],
)
def test_a_time_is_in_utc_unless_it_names_a_zone(text: str) -> None:
    assert values.time(text) == NOON


@pytest.mark.parametrize("text", ["infinity", "soon", "10000-01-01 00:00:00", "0001-01-01T00:00:00+08:00"])
def test_what_is_no_time_is_left_out(text: str) -> None:
    with pytest.raises(LeftOutError) as left_out:
        values.time(text)
    assert left_out.value.reason == "BAD_TIME"


def test_no_time_is_none_and_missed_only_where_it_is_needed() -> None:
    assert values.time(None) is values.time("") is None
    with pytest.raises(LeftOutError):
        values.needed_time(None)


@pytest.mark.parametrize("text", [None, "", "17", "{00000000-0000-4000-8000-00000000000a}", "0" * 32])
def test_an_id_is_a_uuid_of_36_characters(text: str | None) -> None:
    with pytest.raises(LeftOutError) as left_out:
        values.identifier(text)
    assert left_out.value.reason == "BAD_ID"


@pytest.mark.parametrize("text", [None, "", "0", "3651", "1.5", "-1", "٣", "9" * 5000])
def test_a_number_is_whole_and_in_its_range(text: str | None) -> None:
    with pytest.raises(LeftOutError):
        values.number(text, 1, 3650)
    assert values.number("3650", 1, 3650) == 3650


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("postgres://u:p@h/d", "postgresql+psycopg"),
        ("postgresql+asyncpg://u:p@h/d", "postgresql+psycopg"),
        ("sqlite+aiosqlite:///fastmp.db", "sqlite"),
    ],
)
def test_the_applications_own_driver_does_not_matter(url: str, driver: str) -> None:
    assert source_url(url).drivername == driver


@pytest.mark.parametrize("url", ["", "fastmp.db", "sqlite://", "sqlite:///:memory:", "mysql://u:p@h/d"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(SourceError):
        source_url(url)


def test_a_bad_url_is_named_without_its_value() -> None:
    with pytest.raises(ValidationError) as refused:
        ImportSettings.model_validate({"import_url": "mysql://u:secret@h/d", "import_handover_file": "h"})
    assert "secret" not in str(refused.value)


def test_the_folders_are_beside_the_sqlite_database_unless_they_are_set() -> None:
    given = {"import_url": "sqlite:////srv/old/fastmp.db", "import_handover_file": "h"}
    assert ImportSettings.model_validate(given).files == Path("/srv/old")
    assert ImportSettings.model_validate({**given, "import_files": "/srv/x"}).files == Path("/srv/x")
    of_postgres = {**given, "import_url": "postgresql://u:p@h/d"}
    assert ImportSettings.model_validate(of_postgres).files == Path()


def test_a_report_shows_no_control_character_and_cuts_long_ids() -> None:
    report = Report("accounts", imported=1)
    report.leave_out("\x1b[2J" + "x" * 100, "BAD_ID")
    first, second = report.lines()
    assert first == "accounts: 1 imported, 0 already there, 1 left out"
    assert second == f"accounts \\x1b[2J{'x' * 57}: BAD_ID"
