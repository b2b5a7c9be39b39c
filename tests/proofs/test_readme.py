"""The README's commands from "A first session" on, run in their order in a fresh copy of the checkout."""

import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest
import requests

from deploy.local.settings import LocalSettings
from tests.support.checkout import ROOT, copy_checkout
from tests.support.documents import Shell, blocks_of, matches
from tests.support.waiting import wait_until

BEGINNING = "## A first session"
INSTALL_SECONDS = 600


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
        copy_checkout(folder)
        with trial(folder) as phone, person_at(phone):
            _, _, commands = (ROOT / "README.md").read_text().partition(BEGINNING)
            shell = Shell(folder, settings)
            try:
                blocks = blocks_of(commands)
                for block in blocks:
                    if block.name:
                        (folder / block.name).write_text(block.text)
                compared = shell.run_all(blocks)
            finally:
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


def test_what_a_failed_shell_has_left_in_the_background_ends_with_it(tmp_path: Path) -> None:
    shell = Shell(tmp_path, tmp_path)
    left = psutil.Process(int(shell.run("sleep 600 > /dev/null 2>&1 &\necho $!")))
    with pytest.raises(pytest.fail.Exception):
        shell.run("false")
    shell.close()
    wait_until(lambda: not left.is_running(), "the end of the process")
