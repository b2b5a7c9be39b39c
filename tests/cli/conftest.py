"""The program with a home directory without a signed-in account."""

import json
from pathlib import Path

import pytest

from tests.cli.program import Program, ProgramInside

NOBODY_LISTENS = "http://127.0.0.1:9"


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return ProgramInside(NOBODY_LISTENS, tmp_path)


@pytest.fixture
def process(tmp_path: Path) -> Program:
    """With a process of its own for each run."""
    return Program(NOBODY_LISTENS, tmp_path)


def sign_in(program: Program, server: str, token: str = "a-token", profile: str = "default") -> None:
    """As after a login there."""
    file = program.profile_file(profile)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps({"server": server, "email": "alice@example.com", "token": token}))
    program.server = server
