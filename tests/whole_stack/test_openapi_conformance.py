"""The running gateway does what /openapi.json says: schemathesis makes calls from it and judges the answers.

Status codes, content types and bodies are among those described, nothing is a server's fault, what a schema rules
out is refused, no operation that asks for a token does without. schemathesis.toml and schemathesis_hooks.py
say what is left out, and why.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import requests

from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from tests.support.waiting import wait_until
from tests.whole_stack.people import People, Person

PROGRAM = Path(sys.executable).with_name("st")
SETTINGS = Path(__file__).with_name("schemathesis.toml")
HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
# Hashing takes a fifth of a second a call: these are left to the long run.
HASHING = ("/auth/login", "/auth/register", "/auth/password", "/admin/users", "/admin/users/{user_id}")
# SETTINGS leaves out the first, schemathesis by itself what it reads the document from.
NEVER_CALLED = ("/auth/logout", "/openapi.json")
TIMEOUT_SECONDS = 900


def caller(people: People, kind: str) -> Person | None:
    makers: dict[str, Callable[[], Person | None]] = {
        "anonymous": lambda: None,
        "pending": people.pending,
        "active": people.active,
    }
    return makers.get(kind, people.another_admin)()


def scanned_cookie(people: People, person: Person, wechat: EmulatorControl) -> str:
    """The token of a new cookie of the person's."""
    people.rest("GET", "/cookie/get", person)
    wechat.scan_and_confirm(wechat.wait_for_logins()[0].uuid)
    wait_until(lambda: people.rest("GET", "/cookie/current", person).ok)
    return str(people.rest("GET", "/cookie/current", person).json()["token"])


def what_exists(people: People, person: Person | None, wechat: EmulatorControl) -> dict[str, str]:
    """Objects of this stack for this test only, by the names that SETTINGS has for them."""
    found = {"person": people.active().id, "code": people.codes(1)[0], "login": "0" * 32, "cookie": "1"}
    if person is not None and people.rest("GET", "/cookie/list", person).ok:
        found["cookie"] = scanned_cookie(people, person, wechat)
        found["login"] = people.rest("GET", "/cookie/get", person).json()["login_key"]
    return found


def settings(person: Person | None, exists: dict[str, str]) -> str:
    """SETTINGS with the caller's token and the things that exist."""
    # Strings of JSON are strings of TOML.
    more = [f"[dictionaries.{name}]\nvalues = [{json.dumps(value)}]" for name, value in exists.items()]
    if person is not None:
        more.append(f'[auth.openapi.bearer]\nbearer = "{person.token}"')
    return "\n".join([f"hooks = {json.dumps(str(HOOKS))}", SETTINGS.read_text("utf-8"), *more])


def conformance(
    stack: LocalStack, folder: Path, configuration: str, *options: str, without: Sequence[str] = ()
) -> None:
    """Runs schemathesis over the gateway of `stack`, but for the paths `without`. Fails with its report."""
    described = requests.get(f"{stack.gateway_url}/openapi.json", timeout=10).json()["paths"]
    operations = sum(len(described[path]) for path in described.keys() - {*without, *NEVER_CALLED})
    left_out = [word for path in without for word in ("--exclude-path", path)]
    file = folder / SETTINGS.name
    file.write_text(configuration, "utf-8")
    command = [str(PROGRAM), "--config-file", str(file), "--no-color", "run", *options, *left_out]
    done = subprocess.run(
        [*command, f"{stack.gateway_url}/openapi.json"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Tested: {operations}\n" in done.stdout


@pytest.mark.parametrize("kind", ["anonymous", "active", "admin"])
def test_a_few_calls_of_every_operation_are_answered_as_described(
    stack: LocalStack, people: People, wechat: EmulatorControl, tmp_path: Path, kind: str
) -> None:
    person = caller(people, kind)
    configuration = settings(person, what_exists(people, person, wechat))
    few = ("--phases", "fuzzing", "--max-examples", "3", "--no-shrink")
    conformance(stack, tmp_path, configuration, *few, without=HASHING)
