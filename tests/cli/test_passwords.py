"""Changing one's password, and links for those who have forgotten theirs."""

import json

from tests.cli.conftest import sign_in
from tests.cli.program import Program
from tests.cli.scripted_server import Reply, refusal, serving

ID = "6a1f8a1c-0000-4000-8000-000000000001"
ACCOUNT = Reply(body=json.dumps({"id": ID, "email": "bob@example.com"}).encode())
OK = Reply(body=b'{"status": "ok"}')


def test_a_changed_password_forgets_the_token_that_it_ended(program: Program) -> None:
    with serving(OK) as server:
        sign_in(program, server.url)
        done = program.run("password", "--password-stdin", typed="the old one\nthe new one\n")
    assert (done.code, done.err) == (0, "")
    assert "Sign in again" in done.out
    ((line, _),) = server.requests
    assert line == "POST /auth/password"
    assert "one" not in done.out
    assert json.loads(program.profile_file().read_text())["token"] is None


def test_a_refused_change_leaves_the_session_as_it_is(program: Program) -> None:
    with serving(refusal(401, "WRONG_CREDENTIALS")) as server:
        sign_in(program, server.url)
        done = program.run("password", "--password-stdin", typed="not it\nthe new one\n")
    assert done.code == 3
    assert json.loads(program.profile_file().read_text())["token"] == "a-token"


def test_a_change_needs_both_passwords(program: Program) -> None:
    with serving() as server:
        sign_in(program, server.url)
        assert program.run("password", "--password-stdin", typed="only one\n").code == 2
    assert server.requests == []


def link_of(url: str) -> Reply:
    return Reply(body=json.dumps({"url": url, "expire_time": "2030-01-01T00:00:00Z"}).encode())


def test_a_link_is_alone_on_standard_output_and_whole(program: Program) -> None:
    url = "https://fastmp.example/#/new-password/" + "t" * 43
    with serving(ACCOUNT, link_of(url), ACCOUNT, link_of("/#/new-password/t")) as server:
        sign_in(program, server.url)
        words = program.run("admin", "users", "password-link", ID)
        relative = program.json("admin", "users", "password-link", ID)
    assert words.out == f"{url}\n"
    assert "bob@example.com" in words.err
    assert relative == {"url": f"{server.url}/#/new-password/t", "expire_time": "2030-01-01T00:00:00Z"}
    assert server.requests[1][0] == f"POST /admin/users/{ID}/password-link"


def test_a_sign_in_reads_the_code_only_when_it_is_needed(program: Program) -> None:
    token = Reply(body=b'{"access_token": "a-new-token"}')
    needed = refusal(401, "SECOND_FACTOR_NEEDED")
    with serving(needed, token, token, needed, refusal(401, "WRONG_SECOND_FACTOR"), needed) as server:
        program.server = server.url
        login = ("login", "bob@example.com", "--password-stdin")
        assert program.run(*login, typed="the password\n123456\n").code == 0
        assert json.loads(program.profile_file().read_text())["token"] == "a-new-token"
        assert program.run(*login, typed="the password\n").code == 0
        wrong = program.run(*login, typed="the password\n000000\n")
        missing = program.run(*login, typed="the password\n")
    assert (wrong.code, missing.code) == (3, 2)
    assert "no code of the authenticator app" in missing.err
    assert len(server.requests) == 6
