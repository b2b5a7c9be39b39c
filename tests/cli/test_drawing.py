"""QR codes drawn with characters, and words for times."""

import datetime
import io

import pytest
from rich.console import Console

from fastmp.cli import qr_drawing, times
from fastmp.cli.output import Output
from fastmp.cli.scan_display import ScanDisplay

CONTENT = "https://mp.weixin.qq.com/a-page?with=a&query=1"
NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


def test_a_drawing_is_a_character_wide_and_half_a_character_high_a_module() -> None:
    wide = qr_drawing.columns(qr_drawing.in_colour(CONTENT))
    for drawing in (qr_drawing.in_colour(CONTENT), qr_drawing.in_blocks(CONTENT, dark_on_light=False)):
        lines = drawing.plain.splitlines()
        assert {len(line) for line in lines} == {wide}
        assert len(lines) == (wide + 1) // 2


def test_inverted_blocks_are_the_reverse() -> None:
    reverse = str.maketrans("█▀▄ ", " ▄▀█")
    plain = qr_drawing.in_blocks(CONTENT, dark_on_light=False).plain
    assert qr_drawing.in_blocks(CONTENT, dark_on_light=True).plain == plain.translate(reverse)


@pytest.mark.parametrize(
    ("seconds", "words"), [(-1, "over"), (59, "0:59"), (3600, "1 h 0 min"), (90_000, "1 d 1 h")]
)
def test_time_left_is_told_in_its_two_greatest_units(seconds: int, words: str) -> None:
    moment = (NOW + datetime.timedelta(seconds=seconds)).isoformat()
    assert times.left(moment, NOW) == words


def test_moments_of_the_server_are_read_to_the_nanosecond() -> None:
    assert times.parse("2026-01-02T03:04:05.123456789Z").microsecond == 123456
    with pytest.raises(ValueError, match="offset"):
        times.parse("2026-01-02T03:04:05")


@pytest.mark.parametrize("columns", [40, 60, 100])
def test_the_line_with_the_time_left_is_one_row(columns: int) -> None:
    output = Output(as_json=True)
    output.console = Console(file=io.StringIO(), width=columns)
    display = ScanDisplay(output, dark_on_light=False, clock=lambda: 0.0)
    qr_code = {"url": CONTENT, "expire_time": "2026-01-02T03:05:00Z"}
    display.show({"time": "2026-01-02T03:00:00Z", "qr_code": qr_code})
    display.show({"progress": {"stage": "waiting_for_scan", "message": "Scan the QR code with WeChat"}})
    (row,) = output.console.render_lines(display._changing())
    assert "".join(segment.text for segment in row).rstrip().endswith("5:00 left")
