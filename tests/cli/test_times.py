"""Times far from today, in zones where local time has no such year."""

import datetime
import json
import time
from collections.abc import Callable, Iterator

import pytest

from fastmp.cli import times
from fastmp.cli.failures import UsageError
from tests.cli.conftest import sign_in
from tests.cli.program import Program
from tests.cli.scripted_server import Reply, serving

FIRST, LAST = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"
EAST, WEST = "Asia/Shanghai", "America/New_York"
SetZone = Callable[[str], None]


@pytest.fixture
def set_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[SetZone]:
    def set_(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield set_
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("zone", "moment", "words"),
    [
        (EAST, LAST, "9999-12-31 23:59 UTC"),
        (EAST, FIRST, "0001-01-01 08:05"),
        (WEST, LAST, "9999-12-31 18:59"),
        (WEST, FIRST, "0001-01-01 00:00 UTC"),
        (EAST, "9999-12-31T23:59:59-08:00", "9999-12-31 23:59 UTC-08:00"),
        (EAST, "2026-01-02T03:04:05Z", "2026-01-02 11:04"),
        ("UTC", LAST, "9999-12-31 23:59"),
    ],
)
def test_a_moment_is_shown_in_local_time_where_that_has_its_year(
    set_zone: SetZone, zone: str, moment: str, words: str
) -> None:
    set_zone(zone)
    assert times.shown(moment) == words


@pytest.mark.parametrize(("zone", "text"), [(WEST, "9999-12-31T23:59:59"), (EAST, "0001-01-01")])
def test_a_time_that_utc_lacks_is_wrong_usage(
    set_zone: SetZone, program: Program, zone: str, text: str
) -> None:
    set_zone(zone)
    with pytest.raises(UsageError, match="years 1 to 9999"):
        times.for_server(datetime.datetime.fromisoformat(text))
    sign_in(program, program.server)
    done = program.run("admin", "users", "edit", "a@example.com", "--until", text)
    assert (done.code, done.out) == (2, "")
    assert "years 1 to 9999" in done.err


@pytest.mark.parametrize(("zone", "text"), [(EAST, "9999-12-31T23:59:59"), (WEST, "0001-01-01T00:00:00")])
def test_the_furthest_local_times_become_utc(set_zone: SetZone, zone: str, text: str) -> None:
    set_zone(zone)
    local = datetime.datetime.fromisoformat(text)
    sent = datetime.datetime.fromisoformat(times.for_server(local))
    assert sent.utcoffset() == datetime.timedelta(0)
    assert sent.astimezone().replace(tzinfo=None) == local


@pytest.mark.parametrize("zone", [EAST, WEST])
@pytest.mark.parametrize(
    "command", [["whoami"], ["admin", "users", "list"], ["admin", "users", "show", "0" * 32]], ids=" ".join
)
def test_commands_show_accounts_that_never_end(
    set_zone: SetZone, program: Program, command: list[str], zone: str
) -> None:
    set_zone(zone)
    account = {
        "id": "1",
        "email": "a@example.com",
        "role": "user",
        "activation_status": "active",
        "expired_time": LAST,
    }
    document = {"items": [account]} if command[-1] == "list" else account
    with serving(Reply(body=json.dumps(document).encode())) as server:
        sign_in(program, server.url)
        done = program.run(*command)
    assert (done.code, done.err) == (0, "")
    assert "9999-12-31" in done.out
