"""Lists in terminals of different widths: what people copy is whole, on a line of its own or in a column."""

import json

import pytest

from tests.cli.conftest import sign_in
from tests.cli.program import Program
from tests.cli.scripted_server import Reply, serving
from tests.cli.terminal import Terminal

CODES = [
    {
        "activation_code": digit * 32,
        "valid_days": 3650,
        "activation_status": "active",
        "user_email": "a.rather.long.name.of.a.person@subdomain.example.com",
        "expiry_date": "2036-01-02T03:04:05Z",
        "create_time": "2026-01-02T03:04:05Z",
    }
    for digit in "0ab"
]


def listed(process: Program, columns: int) -> list[str]:
    """The lines of `admin codes list` in a terminal of that width."""
    answer = Reply(body=json.dumps({"items": CODES, "total": len(CODES)}).encode())
    with serving(answer) as server:
        sign_in(process, server.url)
        with Terminal(
            process, "admin", "codes", "list", columns=columns, variables={"TZ": "UTC"}
        ) as terminal:
            assert terminal.wait_for_end() == 0
            return terminal.text().splitlines()


@pytest.mark.parametrize("columns", [80, 60])
def test_a_narrow_list_has_each_code_on_a_line_of_its_own(process: Program, columns: int) -> None:
    lines = listed(process, columns)
    assert [line for line in lines if line in [code["activation_code"] for code in CODES]] == [
        code["activation_code"] for code in CODES
    ]
    text = " ".join(line.strip() for line in lines)
    about = "days 3650, status active, redeemed by a.rather.long.name.of.a.person@subdomain.example.com,"
    assert text.count(about) == len(CODES)
    assert text.count("until 2036-01-02 03:04, made 2026-01-02 03:04") == len(CODES)


def test_a_wide_list_is_a_table(process: Program) -> None:
    lines = listed(process, 160)
    for code in CODES:
        (line,) = [line for line in lines if str(code["activation_code"]) in line]
        assert line.split() == [
            code["activation_code"],
            "3650",
            "active",
            code["user_email"],
            *("2036-01-02", "03:04", "2026-01-02", "03:04"),
        ]
