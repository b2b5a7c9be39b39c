"""`make import-fastmp`: the database of a team, imported twice into a local stack, which then serves it."""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from deploy.local.beside import foundation_beside
from deploy.local.postgres import PostgresServer
from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack
from tests.service.deploy.test_lifecycle import environment
from tests.support.old_fastmp import PASSWORD, OldFastMP
from tests.support.waiting import wait_until

ACCOUNTS, CODES, COOKIES = 10_000, 20_000, 500
# As many accounts have redeemed a code; the rest of the codes is unused, but for some bad ones.
REDEEMED = 8_000
BAD = 20
CONTENTS = {
    "identity": ("accounts", "account_activations", "account_changes"),
    "activation": ("activation_codes",),
    "wechat_cookie": ("cookies",),
}


def fill(old: OldFastMP) -> tuple[dict[str, Any], dict[str, Any]]:
    """Writes ACCOUNTS, CODES and COOKIES good rows, and BAD bad ones of each. Returns an account and its cookie."""
    redeemed = [old.redeemed(f"person-{number}@example.com") for number in range(REDEEMED)]
    accounts = [old.activated(code) for code in redeemed]
    accounts += [old.account() for _ in range(ACCOUNTS - REDEEMED)]
    cookies = [old.cookie(account["email"]) for account in accounts[:COOKIES]]
    for cookie in cookies:
        old.folder(cookie)
    codes = redeemed + [old.code() for _ in range(CODES - REDEEMED)]
    bad = [old.cookie("gone@example.com") for _ in range(BAD)]
    old.write(
        accounts=accounts + [old.account(email="no address") for _ in range(BAD)],
        codes=codes + [old.code(activation_code="short") for _ in range(BAD)],
        cookies=cookies + bad,
    )
    return accounts[0], cookies[0]


def imported(old: OldFastMP, state: Path) -> list[str]:
    """The first line of each report."""
    variables = {"IMPORT_URL": old.url, "IMPORT_FILES": str(old.files)}
    ended = subprocess.run(
        [sys.executable, "-m", "deploy.local.import_fastmp"],
        env=environment(state, **variables),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return [line for line in ended.stdout.splitlines() if " imported, " in line]


def digest(settings: LocalSettings) -> str:
    """Of everything that the import has stored."""
    total = hashlib.sha256()
    with foundation_beside(settings) as foundation:
        for service, tables in CONTENTS.items():
            with psycopg.connect(foundation.environments.database_urls[service]) as connection:
                for table in tables:
                    rows = connection.execute(f"SELECT t::text FROM {table} AS t ORDER BY t::text")
                    total.update(repr(rows.fetchall()).encode())
    return total.hexdigest()


def is_served(
    settings: LocalSettings, old: OldFastMP, account: dict[str, Any], cookie: dict[str, Any]
) -> None:
    """Starts the stack: the account signs in, its cookie is current, every folder is exported."""
    with LocalStack(settings, environment=dict(os.environ)) as stack:
        credentials = {"email": account["email"], "password": PASSWORD}
        answer = requests.post(f"{stack.gateway_url}/auth/login", json=credentials, timeout=30)
        bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        current = requests.get(f"{stack.gateway_url}/cookie/current", headers=bearer, timeout=30)
        assert current.json()["token"] == cookie["token"]
        folders = stack.static_directory / "cookies"
        wait_until(
            lambda: len([one for one in folders.iterdir() if one.name.isdigit()]) == COOKIES,
            "every folder is exported",
        )
        # While it runs, an import finds it the same.
        assert imported(old, settings.fastmp_state_dir)[0].startswith("accounts: 0 imported")


@pytest.fixture
def postgres_source(postgres_server: PostgresServer) -> str:
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE large_old_fastmp")
    return postgres_server.url("large_old_fastmp")


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_team_moves_in(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    files = tmp_path / "old"
    files.mkdir()
    is_file = kind == "sqlite"
    old = OldFastMP(
        f"sqlite:///{files / 'fastmp.db'}" if is_file else request.getfixturevalue("postgres_source"), files
    )
    account, cookie = fill(old)
    settings = LocalSettings.side_by_side(tmp_path / "state")
    # A stack that was started once, and stopped.
    with LocalStack(settings, environment=dict(os.environ)):
        pass
    start = time.monotonic()
    assert imported(old, settings.fastmp_state_dir) == [
        f"accounts: {ACCOUNTS} imported, 0 already there, {BAD} left out",
        f"activation_codes: {CODES} imported, 0 already there, {BAD} left out",
        f"cookies: {COOKIES} imported, 0 already there, {BAD} left out",
    ]
    print(f"{kind}: {time.monotonic() - start:.1f} s for the first import, with the start of PostgreSQL")
    first = digest(settings)
    assert imported(old, settings.fastmp_state_dir) == [
        f"accounts: 0 imported, {ACCOUNTS} already there, {BAD} left out",
        f"activation_codes: 0 imported, {CODES} already there, {BAD} left out",
        f"cookies: 0 imported, {COOKIES} already there, {BAD} left out",
    ]
    assert digest(settings) == first
    if is_file:
        # The other kind of source differs only in how it is read.
        is_served(settings, old, account, cookie)
    assert not (files / "pickle-was-loaded").exists()


def test_without_a_source_or_a_stack_one_line_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "deploy.local.import_fastmp"]
    for variables, status, said in (
        ({}, 2, "usage: make import-fastmp"),
        ({"IMPORT_URL": "sqlite:////nowhere/x.db"}, 1, "holds no stack"),
    ):
        ended = subprocess.run(
            command, env=environment(tmp_path, **variables), capture_output=True, text=True, check=False
        )
        assert (ended.returncode, ended.stderr.count("\n")) == (status, 1)
        assert said in ended.stderr
