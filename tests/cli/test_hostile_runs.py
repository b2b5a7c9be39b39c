"""No arguments, environment, input or answer ends a command in a traceback or shows a secret."""

import json
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastmp.cli.exit_codes import ExitCode
from tests.cli.conftest import sign_in
from tests.cli.program import COMMAND, Program
from tests.cli.scripted_server import Reply, ScriptedServer, serving
from tests.proofs.fuzz.command_line import COMMANDS, TOKEN, check, runs, workplace

EXAMPLES = 150


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, ScriptedServer]]:
    with workplace(tmp_path_factory.mktemp("home")) as made:
        yield made


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_run_ends_in_a_documented_way(place: tuple[Path, ScriptedServer], data: st.DataObject) -> None:
    home, server = place
    check(data.draw(runs(home)), server)


def test_the_runs_cover_every_command() -> None:
    assert len(COMMANDS) >= 20
    assert ("admin", "codes", "export") in COMMANDS


ACCOUNT = b'{"email": "alice@example.com", "role": "user", "activation_status": "active"}'


@pytest.mark.parametrize("around", ["\r", "\n", "\r\n", " ", "\t", "\ufeff", "\u200b"])
@pytest.mark.parametrize("is_before", [True, False])
def test_what_people_paste_around_a_token_is_taken_off(
    program: Program, around: str, is_before: bool
) -> None:
    program.variables["FASTMP_TOKEN"] = around + TOKEN if is_before else TOKEN + around
    with serving(Reply(body=ACCOUNT)) as server:
        program.server = server.url
        assert program.run("whoami").code == 0
    ((_, headers),) = server.requests
    assert headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    "token", [f"{TOKEN}\r\nX: y", f"{TOKEN} {TOKEN}", f"é{TOKEN}", f"\x7f{TOKEN}", "a" * 9000]
)
def test_no_other_token_is_sent_or_shown(program: Program, token: str) -> None:
    program.variables["FASTMP_TOKEN"] = token
    with serving(Reply(body=ACCOUNT)) as server:
        program.server = server.url
        done = program.run("whoami")
    assert (done.code, done.out, server.requests) == (ExitCode.NOT_SIGNED_IN, "", [])
    assert "FASTMP_TOKEN is not an access token" in done.err
    assert TOKEN not in done.err


@pytest.mark.parametrize("token", ["a\nb", "é", 1, ["x"]])
def test_a_server_or_profile_cannot_bring_in_a_strange_token(program: Program, token: object) -> None:
    with serving(Reply(body=json.dumps({"access_token": token}).encode())) as server:
        program.server = server.url
        done = program.run("login", "a@example.com", "--password-stdin", typed="p")
    assert done.code != 0
    assert not program.profile_file().exists()
    sign_in(program, server.url, token)  # type: ignore[arg-type]
    assert "is damaged" in program.run("whoami").err


def test_a_token_in_the_wrong_place_is_not_shown(program: Program) -> None:
    for arguments in (
        ["whoami", TOKEN],
        [TOKEN],
        ["whoami", "--server", TOKEN],
        ["admin", "users", "list", "--role", TOKEN],
    ):
        done = program.run(*arguments)
        assert (done.code, done.out) == (2, "")
        assert TOKEN[:20] not in "".join(done.err.split())


def test_an_unexpected_error_is_one_sentence_and_its_place_goes_to_a_file(program: Program) -> None:
    file = program.home / "debug.txt"
    program.variables["FASTMP_DEBUG"] = str(file)
    with serving(Reply(body=b'{"items": [{"email": "a-secret-of-the-answer"}]}')) as server:
        sign_in(program, server.url)
        done = program.run("admin", "users", "list")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[0] == "fastmp: something unexpected happened (KeyError)"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "users.py" in file.read_text()
    assert "a-secret-of-the-answer" not in file.read_text()


def test_a_full_disk_and_closed_streams_are_no_traceback(process: Program) -> None:
    for redirection in (">/dev/full", ">&-", "2>&-", "<&-", ">&- 2>&-"):
        shell = f"{' '.join(COMMAND)} --version {redirection}"
        done = subprocess.run(
            ["sh", "-c", shell], env=process.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == (1 if "full" in redirection else 0)
        assert "Traceback" not in done.stderr
        assert "Exception" not in done.stderr


def test_input_that_is_no_text_is_wrong_usage(process: Program) -> None:
    process.variables["PYTHONIOENCODING"] = "utf-8"
    shell = f"printf '\\377\\n' | {' '.join(COMMAND)} login a@example.com --password-stdin"
    done = subprocess.run(
        ["sh", "-c", shell], env=process.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "standard input is not text" in done.stderr
