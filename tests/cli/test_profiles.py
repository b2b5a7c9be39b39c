"""Profiles: private files, whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from fastmp.cli.failures import CommandError, UsageError
from fastmp.cli.profiles import Profile, Profiles
from tests.cli.conftest import sign_in
from tests.cli.program import Program
from tests.cli.scripted_server import Reply, serving

ALICE = Profile("https://fastmp.example", "alice@example.com", "a-token")


def test_a_profile_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path / "profiles")
    assert profiles.load("default") is None
    profiles.save("default", ALICE)
    profiles.save("work", ALICE)
    assert profiles.load("default") == ALICE
    assert profiles.names() == ["default", "work"]


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_file_and_folder_are_private_whatever_the_mask(tmp_path: Path, mask: int) -> None:
    folder = tmp_path / "fastmp" / "profiles"
    before = os.umask(mask)
    try:
        Profiles(folder).save("default", ALICE)
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "default.json").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["default.json"]


def test_a_folder_that_was_open_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Profiles(tmp_path).save("default", ALICE)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_token_that_others_can_reach_is_not_used(tmp_path: Path, mode: int) -> None:
    profiles = Profiles(tmp_path)
    profiles.save("default", ALICE)
    (tmp_path / "default.json").chmod(mode)
    with pytest.raises(CommandError, match="open to others"):
        profiles.load("default")


@pytest.mark.parametrize("name", ["", "../default", "a/b", ".hidden", "a" * 65, "名"])
def test_a_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        Profiles(tmp_path).save(name, ALICE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"server": 1}', "null", "not json"])
def test_a_damaged_profile_says_so(tmp_path: Path, content: str) -> None:
    profiles = Profiles(tmp_path)
    profiles.save("default", ALICE)
    (tmp_path / "default.json").write_text(content)
    with pytest.raises(CommandError, match="damaged"):
        profiles.load("default")


def test_the_token_is_in_no_representation() -> None:
    assert "a-token" not in repr(ALICE)


def test_a_token_goes_only_to_the_server_that_gave_it_out(program: Program) -> None:
    sign_in(program, "http://127.0.0.1:1")
    with serving(Reply()) as server:
        done = program.run("whoami", "--server", server.url)
    assert done.code == 3
    assert server.requests == []


def test_a_token_does_not_follow_a_redirection(program: Program) -> None:
    with serving(Reply()) as other:
        away = Reply(307, headers={"Location": f"{other.url}/auth/me"})
        with serving(away) as server:
            sign_in(program, server.url)
            assert program.run("whoami").code == 1
    assert other.requests == []


def test_a_password_in_netrc_is_not_sent(program: Program) -> None:
    (program.home / ".netrc").write_text("machine fastmp.test login bob password netrc-password\n")
    with serving(Reply(body=b'{"access_token": "new-token"}')) as proxy:
        # For a server elsewhere the environment counts, and so would this file.
        program.server = "http://fastmp.test"
        program.variables |= {"FASTMP_ALLOW_HTTP": "1", "HTTP_PROXY": proxy.url, "NO_PROXY": ""}
        assert program.run("login", "a@example.com", "--password-stdin", typed="p").code == 0
    ((line, headers),) = proxy.requests
    assert line == "POST http://fastmp.test/auth/login"
    assert "Authorization" not in headers
    assert "new-token" in program.profile_file().read_text()


def test_options_come_before_variables_and_those_before_the_profile(program: Program) -> None:
    account = b'{"email": "a@example.com", "role": "user", "activation_status": "active"}'
    with serving(*[Reply(body=account)] * 3) as server:
        sign_in(program, server.url, "default-token")
        sign_in(program, server.url, "work-token", "work")
        program.run("whoami")
        program.variables["FASTMP_PROFILE"] = "work"
        program.run("--profile", "default", "whoami", "--profile", "work")
        program.variables["FASTMP_TOKEN"] = "given-token"
        program.run("whoami", "--profile", "default")
    tokens = [headers["Authorization"] for _, headers in server.requests]
    assert tokens == ["Bearer default-token", "Bearer work-token", "Bearer given-token"]
