"""The command line against the running stack: a whole session, in pipes and in a terminal."""

import csv
import json
import secrets
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from tests.cli.program import Program, ProgramInside
from tests.cli.terminal import Terminal
from tests.support.waiting import wait_until
from tests.whole_stack.people import PASSWORD, People

NO_COLOUR = {"NO_COLOR": "1"}
SCANNED = "Scanned"


@pytest.fixture
def program(stack: LocalStack, tmp_path: Path) -> Program:
    """No account is signed in."""
    return ProgramInside(stack.gateway_url, tmp_path)


@pytest.fixture
def admin(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The first admin, signed in."""
    program = ProgramInside(stack.gateway_url, tmp_path_factory.mktemp("admin"))
    made, password = stack.first_admin, stack.settings.admin_password
    assert made is not None
    assert password is not None
    program.json("login", made.email, "--password-stdin", typed=password.get_secret_value())
    return program


@pytest.fixture
def active(program: Program, people: People) -> Program:
    """An activated account is signed in."""
    program.json("login", people.active().email, "--password-stdin", typed=PASSWORD)
    return program


def access_token(program: Program, profile: str = "default") -> str:
    token: str = json.loads(program.profile_file(profile).read_text())["token"]
    return token


def events(running: "subprocess.Popen[str]", written: list[str] | None = None) -> Iterator[dict[str, Any]]:
    assert running.stdout is not None
    for line in running.stdout:
        if written is not None:
            written.append(line)
        yield json.loads(line)


def next_event(source: Iterator[dict[str, Any]], kind: str, stage: str | None = None) -> dict[str, Any]:
    return next(
        event[kind] for event in source if kind in event and stage in {None, event[kind].get("stage")}
    )


# A dozen programs are started one after the other, and it may be this test that starts the stack.
@pytest.mark.timeout(300)
def test_a_session_from_register_to_logout(
    stack: LocalStack, tmp_path: Path, admin: Program, wechat: EmulatorControl
) -> None:
    program = Program(stack.gateway_url, tmp_path)
    # For what would only be slower in a process of its own: the same person.
    inside = ProgramInside(stack.gateway_url, tmp_path, written=program.written, arguments=program.arguments)
    email, password = f"{secrets.token_hex(8)}@example.com", secrets.token_urlsafe(16)
    registered = program.json("register", email, "--password-stdin", typed=password)
    assert registered["activation_status"] == "pending"
    assert inside.run("login", email, "--password-stdin", typed="wrong").code == 3
    assert "token" not in program.json("login", email, "--password-stdin", typed=f"{password}\n")
    token = access_token(program)
    assert inside.json("whoami")["email"] == email

    refused = program.run("cookie", "list")
    assert refused.code == 4
    assert "ACCOUNT_NOT_ACTIVATED" in refused.err
    (code,) = admin.run("admin", "codes", "generate", "--days", "30", "--json").lines
    activated = program.json("activate", code["activation_code"])
    assert activated["activation_status"] == "active"
    # The same again, over a pipe.
    assert inside.json("activate", typed=code["activation_code"]) == activated
    assert email in inside.run("whoami").out

    tokens = [scan(program, wechat, name, canaries=(token, password)) for name in ("甲", "乙")]
    items = inside.json("cookie", "list")["items"]
    assert [(item["token"], item["name"], item["is_current"]) for item in items] == [
        (tokens[1], "乙", True),
        (tokens[0], "甲", False),
    ]
    assert program.json("cookie", "use", "甲")["is_current"]
    assert inside.json("--json", "cookie", "use", tokens[0])["token"] == tokens[0]
    table = program.run("cookie", "list").out.splitlines()
    assert [line.split("\t")[:3] for line in table[1:]] == [["", "乙", tokens[1]], ["*", "甲", tokens[0]]]
    assert inside.run("cookie", "delete", tokens[1]).code == 2
    assert program.run("cookie", "delete", tokens[1], "--yes").code == 0
    assert [item["token"] for item in inside.json("cookie", "list")["items"]] == [tokens[0]]

    assert program.json("logout") == {"status": "ok"}
    assert inside.run("whoami").code == 3
    ended = ProgramInside(stack.gateway_url, tmp_path, {"FASTMP_TOKEN": token}).run("whoami")
    assert ended.code == 3
    assert "TOKEN_REVOKED" in ended.err
    said = "\n".join([*program.written, *program.arguments])
    assert token not in said
    assert password not in said
    assert token not in program.profile_file().read_text()


def scan(program: Program, wechat: EmulatorControl, name: str, canaries: tuple[str, ...]) -> str:
    """The token of an official account that was logged in."""
    wechat.add_account(name)
    with program.start("cookie", "scan", "--json") as running:
        source = events(running, program.written)
        url = next_event(source, "qr_code")["url"]
        # What anybody on the machine sees of a running program.
        arguments = " ".join(psutil.Process(running.pid).cmdline())
        assert not [canary for canary in canaries if canary in arguments]
        wechat.scan(url, account=name)
        next_event(source, "progress", "scanned")
        wechat.confirm(url)
        cookie = next_event(source, "success")["cookie"]
        assert running.wait(30) == 0
        assert running.stderr is not None
        assert running.stderr.read() == ""
    assert cookie["name"] == name
    token: str = cookie["token"]
    return token


@pytest.mark.parametrize("variables", [{}, NO_COLOUR, {"COLORTERM": "truecolor"}], ids=str)
def test_the_code_in_the_terminal_is_scanned_and_the_stages_follow(
    active: Program, wechat: EmulatorControl, variables: dict[str, str]
) -> None:
    wechat.add_account("终端")
    with Terminal(active, "cookie", "scan", variables=variables) as terminal:
        shown = terminal.wait_for_qr()
        terminal.wait_for(" left")
        wechat.scan(shown, account="终端")
        terminal.wait_for(SCANNED)
        wechat.confirm(shown)
        assert terminal.wait_for_end() == 0
        # A code that was scanned is not drawn again.
        last_drawn = max(terminal.history.rfind(block.encode()) for block in "▀▄█")
        assert last_drawn < terminal.history.index(SCANNED.encode())
        text = terminal.text().replace(" ", "")
        assert "终端isloggedinuntil" in text
        assert (b"\x1b[38;5;" in terminal.history or b"\x1b[38;2;" in terminal.history) == (
            variables != NO_COLOUR
        )
        assert access_token(active).encode() not in terminal.history


def test_a_code_that_has_expired_is_drawn_anew(active: Program, wechat: EmulatorControl) -> None:
    with Terminal(active, "cookie", "scan", variables={}) as terminal:
        first = terminal.wait_for_qr()
        wechat.expire(first)
        second = terminal.wait_for_qr(other_than=first)
        wechat.scan_and_confirm(second)
        assert terminal.wait_for_end() == 0


def test_a_terminal_too_low_for_the_code_scrolls_it(active: Program, wechat: EmulatorControl) -> None:
    with Terminal(active, "cookie", "scan", rows=10, variables={}) as terminal:
        (login,) = wechat.wait_for_logins()
        terminal.wait_for(" left")
        assert terminal.history.count("▀".encode()) > 400
        wechat.scan_and_confirm(login.uuid)
        assert terminal.wait_for_end() == 0


def test_without_a_terminal_the_code_is_plain_text(
    active: Program, wechat: EmulatorControl, tmp_path: Path
) -> None:
    picture = tmp_path / "qr.jpg"
    with active.start("cookie", "scan", "--qr-file", str(picture)) as running:
        (login,) = wechat.wait_for_logins()
        wait_until(picture.exists, "the picture is written")
        wechat.scan_and_confirm(login.uuid)
        out, err = running.communicate(timeout=30)
    assert (running.returncode, err) == (0, "")
    assert "█" in out
    assert "\x1b" not in out
    assert stat.S_IMODE(picture.stat().st_mode) == 0o600


def test_a_scan_outlives_the_replica_that_serves_it(
    active: Program, wechat: EmulatorControl, stack: LocalStack
) -> None:
    with active.start("cookie", "scan", "--json") as running:
        source = events(running)
        begun = next(event for event in source if "qr_code" in event)
        stack.restart("wechat_cookie")
        wechat.scan_and_confirm(begun["qr_code"]["url"])
        rest = list(source)
        assert running.wait(30) == 0
        assert running.stderr is not None
        assert "coming back" in running.stderr.read()
    assert {event["login_key"] for event in rest} == {begun["login_key"]}
    sequences = [begun["sequence"], *(event["sequence"] for event in rest)]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    assert "success" in rest[-1]


def test_ctrl_c_cancels_the_login(active: Program, wechat: EmulatorControl, people: People) -> None:
    with active.start("cookie", "scan", "--json") as running:
        source = events(running)
        key = next(event["login_key"] for event in source if "qr_code" in event)
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 130
    headers = {"Authorization": f"Bearer {access_token(active)}"}
    polled = people.rest("GET", "/cookie/poll", params={"login_key": key}, headers=headers).json()
    assert (polled["status"], polled["reason"]) == ("failed", "CANCELLED")


def test_a_login_that_fails_says_why_and_the_reason(active: Program, wechat: EmulatorControl) -> None:
    with active.start("cookie", "scan") as running:
        (login,) = wechat.wait_for_logins()
        wechat.scan(login.uuid)
        wechat.cannot_login(login.uuid, binduin=1)
        _, err = running.communicate(timeout=30)
    assert running.returncode == 1
    assert "EMAIL_NOT_BOUND" in err
    assert "The official account has no e-mail address" in err


def test_a_password_typed_in_a_terminal_is_not_shown(program: Program, people: People) -> None:
    email = people.pending().email
    with Terminal(program, "login", email, variables={}) as terminal:
        terminal.wait_for("Password")
        terminal.type(PASSWORD)
        assert terminal.wait_for_end() == 0
        assert PASSWORD.encode() not in terminal.history
    assert program.json("whoami")["email"] == email


def test_admins_look_after_users(admin: Program, people: People) -> None:
    person = people.pending()
    (found,) = admin.json("admin", "users", "list", "--email", person.email)["items"]
    assert found["id"] == person.id
    everyone = admin.run("admin", "users", "list", "--all", "--json").lines
    assert person.id in {account["id"] for account in everyone}
    edit = ["admin", "users", "edit", person.email.upper(), "--status", "active", "--until", "2099-01-02"]
    assert admin.json(*edit)["activation_status"] == "active"
    assert admin.json("admin", "users", "show", person.id)["expired_time"].startswith("2099-01-0")
    assert admin.run("admin", "users", "edit", person.id).code == 2
    shown = admin.run("admin", "users", "show", person.email)
    assert person.email in shown.out
    assert admin.run("admin", "users", "delete", person.email).code == 2
    assert admin.json("admin", "users", "delete", person.email, "--yes") == {"status": "ok"}
    assert admin.run("admin", "users", "show", person.email).code == 1
    assert "ACCOUNT_NOT_FOUND" in admin.run("admin", "users", "show", person.id).err


def test_deleting_asks_first(admin: Program, people: People) -> None:
    person = people.pending()
    with Terminal(admin, "admin", "users", "delete", person.email, variables={}) as terminal:
        terminal.wait_for("with all activation codes")
        terminal.type("n")
        assert terminal.wait_for_end() == 1
    assert admin.json("admin", "users", "show", person.email)["id"] == person.id


def test_admins_make_list_revoke_and_export_codes(admin: Program, tmp_path: Path) -> None:
    request_id = secrets.token_hex(8)
    generate = ["admin", "codes", "generate", "--days", "7", "--count", "2500", "--request-id", request_id]
    made = admin.run(*generate).out.split()
    assert len(set(made)) == 2500
    assert admin.run(*generate).out.split() == made
    listed = admin.json("admin", "codes", "list", "--status", "pending", "--size", "2")
    assert len(listed["items"]) == 2
    assert listed["total"] >= 2500
    assert admin.json("admin", "codes", "revoke", made[0])["activation_status"] == "revoked"
    assert admin.run("admin", "codes", "revoke", typed=made[1]).code == 0

    file = tmp_path / "codes.csv"
    answer = admin.json("admin", "codes", "export", str(file), "--status", "revoked")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with file.open(newline="", encoding="utf-8-sig") as opened:
        rows = list(csv.DictReader(opened))
    assert len(rows) == answer["codes"]
    assert {made[0], made[1]} <= {row["activation_code"] for row in rows}
    assert admin.run("admin", "codes", "export", str(file)).code == 1
    assert admin.run("admin", "codes", "export", str(file), "--force").code == 0
    assert "activation_code" in admin.run("admin", "codes", "export", "-").out.splitlines()[0]


def test_making_many_codes_shows_a_bar_on_the_terminal_only(admin: Program) -> None:
    generate = ["admin", "codes", "generate", "--days", "1", "--count", "3000"]
    with Terminal(admin, *generate, variables={}) as terminal:
        assert terminal.wait_for_end() == 0
        assert b"Making codes" in terminal.history
    piped = admin.run(*generate)
    assert (piped.code, len(piped.out.splitlines())) == (0, 3000)
    assert "Making codes" not in piped.err


@pytest.mark.parametrize("service", ["identity", "activation", "wechat_cookie", "notifications"])
def test_admins_read_and_verify_the_audit_logs(admin: Program, active: Program, service: str) -> None:
    entries = admin.json("admin", "audit", "list", "--service", service, "--size", "5")
    assert len(entries["items"]) <= 5
    verdicts = admin.json("admin", "audit", "verify")["services"]
    assert {verdict["service"]: verdict["intact"] for verdict in verdicts}[service]
    anchor = next(verdict for verdict in verdicts if verdict["service"] == service)
    if int(anchor["position"]):
        verify = ["admin", "audit", "verify", "--service", service, "--anchor-position", anchor["position"]]
        assert admin.run(*verify, "--anchor-digest", anchor["digest"]).code == 0
        forged = admin.run(*verify, "--anchor-digest", "0" * 64)
        assert forged.code == 1
        assert "ANCHOR_MISMATCH" in forged.out


def test_others_may_not_do_what_admins_do(active: Program) -> None:
    refused = active.run("admin", "users", "list", "--json")
    assert (refused.code, refused.out) == (4, "")
    assert json.loads(refused.err)["error"]["reason"] == "ADMIN_REQUIRED"
