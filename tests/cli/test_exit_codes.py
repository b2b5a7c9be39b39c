"""How commands fail: the exit code, and the words."""

import importlib.metadata
import json
from typing import Any

import pytest

from tests.cli.conftest import sign_in
from tests.cli.program import Program
from tests.cli.scripted_server import Reply, refusal, serving

CJK = "账号尚未激活"


@pytest.mark.parametrize(
    ("status", "reason", "code"),
    [
        (400, "INVALID_ARGUMENT", 1),
        (401, "TOKEN_EXPIRED", 3),
        (403, "ACCOUNT_NOT_ACTIVATED", 4),
        (404, "CODE_NOT_FOUND", 1),
        (409, "EMAIL_TAKEN", 1),
        (429, "GATEWAY_THROTTLED", 1),
        (500, "INTERNAL", 1),
        (502, "SERVICE_UNAVAILABLE", 5),
        (503, "DATABASE_UNAVAILABLE", 5),
        (504, "GATEWAY_TIMEOUT", 5),
    ],
)
def test_each_refusal_has_its_exit_code_and_says_message_and_reason(
    program: Program, status: int, reason: str, code: int
) -> None:
    with serving(refusal(status, reason, CJK)) as server:
        sign_in(program, server.url)
        done = program.run("whoami")
    assert (done.code, done.out) == (code, "")
    assert f"{CJK} ({reason})" in done.err


def test_a_refusal_tells_the_fields_the_wait_and_the_request(program: Program) -> None:
    details: dict[str, Any] = {
        "BadRequest": {"field_violations": [{"field": "email", "description": "email: is no address"}]},
        "RetryInfo": {"retry_delay": "1.500s"},
        "RequestInfo": {"request_id": "the-request"},
    }
    with serving(*[refusal(429, "SIGN_IN_THROTTLED", "email: is no address", **details)] * 2) as server:
        sign_in(program, server.url)
        words, machine = program.run("whoami").err, program.run("whoami", "--json")
    assert words.count("email: is no address") == 1
    assert [headers["Accept-Language"] for _, headers in server.requests] == ["en", "en"]
    assert "2 s" in words
    assert "the-request" in words
    assert machine.out == ""
    assert json.loads(machine.err)["error"] == {
        "message": "email: is no address",
        "exit_code": 1,
        "status": 429,
        "reason": "SIGN_IN_THROTTLED",
        "fields": ["email: is no address"],
        "retry_after_seconds": 1.5,
        "request_id": "the-request",
    }


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"null", b"", b"\xff"])
@pytest.mark.parametrize("status", [200, 404])
def test_a_server_that_is_none_of_ours_is_no_crash(program: Program, status: int, body: bytes) -> None:
    with serving(Reply(status, body)) as server:
        sign_in(program, server.url)
        done = program.run("whoami")
    assert done.code == 1
    assert done.err.startswith("fastmp: ")
    assert "Traceback" not in done.err


def test_no_server_is_exit_code_five(program: Program) -> None:
    sign_in(program, program.server)
    done = program.run("whoami")
    assert done.code == 5
    assert program.server in done.err


def test_nobody_signed_in_is_exit_code_three(program: Program) -> None:
    done = program.run("whoami")
    assert done.code == 3
    assert "fastmp login" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["login"],
        ["login", "a@example.com"],
        ["cookie", "delete"],
        ["admin", "codes", "generate"],
        ["admin", "codes", "generate", "--days", "0"],
        ["admin", "users", "list", "--role", "emperor"],
        ["whoami", "--profile", "../x"],
        ["whoami", "--server", "ftp://127.0.0.1"],
        ["whoami", "--server", "https://user@fastmp.example"],
        ["login", "a@example.com", "--server", "http://192.0.2.1"],
        ["login", "a@example.com", "--password-stdin"],
        ["admin", "audit", "verify", "--anchor-position", "1"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_two(program: Program, arguments: list[str]) -> None:
    done = program.run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err


def test_a_password_is_no_argument(program: Program) -> None:
    assert program.run("login", "a@example.com", "--password", "secret").code == 2


def test_the_help_tells_the_exit_codes(program: Program) -> None:
    program.variables |= {"COLUMNS": "200"}
    shown = program.run("--help").out
    for line in (
        "1 refused",
        "2 wrong usage",
        "3 not signed in",
        "4 not activated",
        "5 the server",
        "130 inter",
    ):
        assert line in shown


def test_the_version_is_told(program: Program) -> None:
    done = program.run("--version")
    assert (done.code, done.out.strip()) == (0, importlib.metadata.version("fastmp"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_a_completion(program: Program, shell: str) -> None:
    assert "_FASTMP_COMPLETE" in program.run("--show-completion", shell).out


def test_names_of_profiles_are_completed(program: Program) -> None:
    sign_in(program, program.server, profile="work")
    program.variables |= {
        "_FASTMP_COMPLETE": "complete_bash",
        "COMP_WORDS": "fastmp whoami --profile ",
        "COMP_CWORD": "3",
    }
    assert program.run().out.split() == ["work"]


def test_a_name_cannot_move_the_cursor(program: Program) -> None:
    cookie = {
        "id": "1",
        "token": "2",
        "name": "\x1b[2J\x9b1mname\u202e[red]",
        "health": "ok",
        "is_current": True,
        "created_time": "2026-01-02T03:04:05Z",
        "expire_time": "2026-01-02T03:04:05Z",
    }
    body = json.dumps({"items": [cookie]}, ensure_ascii=False).encode()
    with serving(Reply(body=body), Reply(body=body)) as server:
        sign_in(program, server.url)
        table, document = program.run("cookie", "list").out, program.run("cookie", "list", "--json")
    assert not {"\x1b", "\x9b", "\u202e"} & set(table)
    assert "name" in table
    assert "[red]" in table
    assert not {"\x1b", "\x9b"} & set(document.out)
    assert document.document["items"][0]["name"] == cookie["name"]


def test_a_download_that_is_cut_leaves_no_file(program: Program) -> None:
    half = Reply(body=b"id,activation_code\r\n", is_cut=True)
    with serving(Reply(body=b'{"items": [], "total": 3}'), half) as server:
        sign_in(program, server.url)
        done = program.run("admin", "codes", "export", str(program.home / "codes.csv"))
    assert done.code == 5
    assert not list(program.home.glob("*codes.csv*"))


CSV = b"id,activation_code\r\n1,a\r\n2,b\r\n"


@pytest.mark.parametrize(
    ("body", "promised", "code"),
    [
        (CSV, None, 0),
        (CSV, "2", 0),
        (CSV, "3", 5),
        (CSV, "1", 5),
        (CSV, "many", 5),
        (CSV[:-3], "2", 5),
        (CSV[:-3], None, 5),
        (b"", None, 5),
    ],
)
def test_an_export_is_whole_or_an_error(
    program: Program, body: bytes, promised: str | None, code: int
) -> None:
    headers = {"Content-Type": "text/csv"} | ({"X-FastMP-Rows": promised} if promised else {})
    total = Reply(body=b'{"items": [], "total": 2}')
    file = program.home / "codes.csv"
    with serving(*[total, Reply(body=body, headers=headers)] * 2) as server:
        sign_in(program, server.url)
        done = program.run("admin", "codes", "export", str(file))
        to_output = program.run("admin", "codes", "export", "-")
    assert (done.code, to_output.code) == (code, code)
    if code:
        assert not list(program.home.glob("*codes.csv*"))
        assert "the export was cut off" in done.err
    else:
        assert file.read_bytes() == body
        assert "Wrote 2 codes" in done.out


def test_a_reader_that_stops_reading_is_no_crash(process: Program) -> None:
    codes = [{"activation_code": f"{number:032x}"} for number in range(1000)]
    with serving(*[Reply(body=json.dumps({"codes": codes}).encode())] * 3) as server:
        sign_in(process, server.url)
        with process.start("admin", "codes", "generate", "--days", "1", "--count", "3000") as running:
            assert running.stdout is not None
            assert running.stderr is not None
            running.stdout.readline()
            running.stdout.close()
            assert running.wait(30) in {0, 1}
            assert "Traceback" not in running.stderr.read()
