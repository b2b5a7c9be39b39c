"""Terminals and pipes whose encoding lacks characters of an answer."""

import json
import subprocess
from typing import Any

import pytest

from fastmp.cli import qr_drawing
from tests.cli.conftest import sign_in
from tests.cli.program import COMMAND, Program
from tests.cli.scripted_server import Reply, event_stream, refusal, serving
from tests.cli.terminal import Terminal

ENCODINGS = ["gbk", "cp1252", "ascii"]
NAME = "é甲🦊\ud800"
URL = "https://mp.weixin.qq.com/a-page?with=a&query=1"
COOKIE = {
    "id": "1",
    "token": "2",
    "name": NAME,
    "health": "ok",
    "is_current": True,
    "created_time": "2026-01-02T03:04:05Z",
    "expire_time": "2026-01-02T03:04:05Z",
}
LIST = Reply(body=json.dumps({"items": [COOKIE]}).encode())


def event(sequence: int, **content: Any) -> dict[str, Any]:
    return {"sequence": sequence, "login_key": "key", "time": "2026-01-02T03:04:05Z", **content}


QR_CODE = event(1, qr_code={"url": URL, "expire_time": "2026-01-02T03:09:05Z"})
SCANNED = event(2, progress={"stage": "scanned", "message": "已扫码 é 🦊"})
SUCCESS = event(3, success={"cookie": COOKIE})


def run(process: Program, encoding: str, *arguments: str) -> str:
    """What a run writes with that encoding, which goes well."""
    process.variables["PYTHONIOENCODING"] = encoding
    done = subprocess.run(
        [*COMMAND, *arguments], env=process.environment, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode(encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_an_encoding_lacks_is_replaced(process: Program, encoding: str) -> None:
    scan = event_stream(QR_CODE, SCANNED, SUCCESS)
    with serving(LIST, LIST, scan) as server:
        sign_in(process, server.url)
        table = run(process, encoding, "cookie", "list")
        document = json.loads(run(process, encoding, "cookie", "list", "--json"))
        shown = run(process, encoding, "cookie", "scan")
    assert {"gbk": "é甲??", "cp1252": "é???", "ascii": "????"}[encoding] in table
    assert document == {"items": [COOKIE]}
    assert "##" in shown
    assert {"gbk": "* ", "cp1252": "• ", "ascii": "* "}[encoding] in shown
    assert "is logged in until" in shown


def test_json_is_readable_where_the_encoding_has_all(process: Program) -> None:
    with serving(Reply(body='{"items": [], "name": "甲"}'.encode())) as server:
        sign_in(process, server.url)
        assert "甲" in run(process, "gbk", "cookie", "list", "--json")


@pytest.mark.parametrize(
    ("encoding", "variables"),
    [("gbk", {}), ("ascii", {"NO_COLOR": "1"}), ("cp1252", {"NO_COLOR": "1"})],
    ids=str,
)
def test_a_phone_reads_the_code_of_a_terminal_without_blocks(
    process: Program, encoding: str, variables: dict[str, str]
) -> None:
    busy = refusal(503, "SERVICE_UNAVAILABLE")
    with serving(event_stream(QR_CODE)) as server:
        server.always = busy
        sign_in(process, server.url)
        variables = {"PYTHONIOENCODING": encoding, **variables}
        with Terminal(process, "cookie", "scan", rows=60, variables=variables) as terminal:
            assert terminal.wait_for_qr() == URL
            terminal.wait_for(" left")
            # Braille and blocks would be question marks.
            assert b"?" not in terminal.history.replace(b"\x1b[?", b"")


@pytest.mark.parametrize("with_colours", [True, False])
def test_the_ascii_drawing_is_two_characters_wide_and_one_high_a_module(with_colours: bool) -> None:
    drawing = qr_drawing.in_ascii(URL, dark_on_light=False, with_colours=with_colours)
    blocks = qr_drawing.in_blocks(URL, dark_on_light=False)
    assert qr_drawing.columns(drawing) == 2 * qr_drawing.columns(blocks)
    assert len(drawing.plain.splitlines()) == qr_drawing.columns(blocks)
    assert set(drawing.plain) == ({" ", "\n"} if with_colours else {" ", "#", "\n"})
