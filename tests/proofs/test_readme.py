"""The README's commands from "A first session" on, run in their order in a fresh copy of the checkout.

Blocks of `sh` are run by one shell. A block of `text` is what the one before it prints; `…` stands for anything. A
block with a name, such as `python search.py`, is that file. One below the comment `<!-- not run: … -->` is not run.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import requests

from deploy.local.settings import LocalSettings

ROOT = Path(__file__).parents[2]
BEGINNING = "## A first session"
BLOCK = re.compile(r"^(<!-- not run: [^\n]+ -->\n)?```(\S+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_COPIED = (
    "var",
    "dist",
    "collector",
    ".*_cache",
    "__pycache__",
    ".venv",
    ".git",
    ".hypothesis",
    "results",
)
INSTALL_SECONDS = 600
END = "end of block"


@dataclass(frozen=True)
class Block:
    """A fenced block that is run, written to the file `name`, or compared with what the one before it printed."""

    language: str
    name: str
    text: str


def blocks() -> list[Block]:
    _, _, commands = (ROOT / "README.md").read_text().partition(BEGINNING)
    return [Block(*found[1:]) for found in BLOCK.findall(commands) if not found[0]]


def matches(printed: str, expected: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in expected.strip().split("…"))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


class Shell:
    """One bash in `folder`, which runs block after block."""

    def __init__(self, folder: Path, settings: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FASTMP_")}
        self._script = settings / "block.sh"
        self._bash = subprocess.Popen(
            ["bash", "--norc", "-eu", "-o", "pipefail"],
            cwd=folder,
            env={**environment, "XDG_CONFIG_HOME": str(settings), "LANG": "C.UTF-8", "COLUMNS": "120"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, commands: str) -> str:
        """What the commands print. The test fails with it if one of them does."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._script.write_text(commands)
        print(f". {self._script} < /dev/null; echo; echo {END}", file=self._bash.stdin, flush=True)
        printed = ""
        for line in self._bash.stdout:
            if line == f"{END}\n":
                return printed
            printed += line
        pytest.fail(f"this failed:\n{commands}\n{printed}")

    def close(self) -> None:
        self._bash.communicate(timeout=INSTALL_SECONDS)


@contextmanager
def trial(folder: Path) -> Iterator[str]:
    """A running `make try` in `folder`, which has set up everything itself; the address of its phone."""
    ports = {name.upper(): "0" for name in LocalSettings.model_fields if name.endswith("_port")}
    with subprocess.Popen(
        ["make", "try"],
        cwd=folder,
        env={**os.environ, **ports},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            printed = ""
            while "FastMP is ready" not in printed:
                line = process.stdout.readline()
                assert line, printed
                printed += line
            found = re.search(r"phone +(http://\S+)/ ", printed)
            assert found, printed
            yield found[1]
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=INSTALL_SECONDS)


@contextmanager
def person_at(phone: str) -> Iterator[None]:
    """Scans and confirms every QR code that is shown, with the page's first account."""
    ending = threading.Event()

    def act() -> None:
        while not ending.wait(0.3):
            shown = requests.get(f"{phone}/logins", timeout=10).json()
            for login in shown["logins"]:
                do = partial(requests.post, f"{phone}/acts", timeout=10)
                if login["stage"] == "qr_issued":
                    account = {"account": shown["accounts"][0], "acct_size": 1}
                    do(json={"login": login["uuid"], "act": "scan", **account})
                if login["stage"] == "scanned":
                    do(json={"login": login["uuid"], "act": "confirm"})

    person = threading.Thread(target=act)
    person.start()
    try:
        yield
    finally:
        ending.set()
        person.join()


@pytest.mark.timeout(2 * INSTALL_SECONDS)
def test_the_commands_do_what_the_readme_says() -> None:
    with tempfile.TemporaryDirectory(prefix="fastmp-readme-") as temporary:
        folder, settings = Path(temporary, "fastmp"), Path(temporary, "settings")
        settings.mkdir()
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*NOT_COPIED))
        with trial(folder) as phone, person_at(phone):
            shell = Shell(folder, settings)
            printed = ""
            compared = 0
            for block in blocks():
                if block.language == "sh":
                    printed = shell.run(block.text)
                elif block.language == "text":
                    assert matches(printed, block.text), f"printed:\n{printed}\nsaid:\n{block.text}"
                    compared += 1
                elif block.name:
                    (folder / block.name).write_text(block.text)
            shell.close()
    assert compared >= 5


@pytest.mark.parametrize(
    ("printed", "expected", "same"),
    [
        ("a 1 b\n", "a … b", True),
        ("a\nx\ny\nb\n", "a\n…\nb\n", True),
        ("a 1 c\n", "a … b", False),
        ("error\na 1 b", "a … b", False),
    ],
)
def test_dots_stand_for_anything_and_nothing_else_does(printed: str, expected: str, same: bool) -> None:
    assert matches(printed, expected) is same
