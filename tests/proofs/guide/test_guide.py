"""Every command of docs/operations, page by page, on a machine that the guide's own install page has set up."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from deploy.local.postgres import PostgresServer
from tests.proofs.guide.machine import OLD_DATABASE, Machine
from tests.proofs.guide.proxies import certificate, fetch, proxies
from tests.support.checkout import ROOT
from tests.support.documents import Block, blocks_of
from tests.support.old_fastmp import OldFastMP

GUIDE = ROOT / "docs" / "operations"
INSTALL = "install.md"
PAGE_SECONDS = 300
INSTALL_SECONDS = 600
# One machine, so one worker.
pytestmark = pytest.mark.xdist_group("guide")


def blocks(name: str) -> list[Block]:
    return blocks_of((GUIDE / name).read_text())


def is_run(page: Path) -> bool:
    return any(
        one.language == "sh" and not one.reason and not one.name for one in blocks_of(page.read_text())
    )


PAGES = [page.name for page in sorted(GUIDE.glob("*.md")) if is_run(page) and page.name != INSTALL]


@dataclass(frozen=True)
class Installed:
    """The machine after the install page: the state that it has left, and the administrator's password."""

    machine: Machine
    state: Path
    password: str
    compared: int


@pytest.fixture(scope="module")
def wechat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of an emulated WeChat, where each QR code is scanned, and the authority to trust there."""
    folder = tmp_path_factory.mktemp("wechat")
    emulator = (sys.executable, "-m", "deploy.wechat_emulator", "--make-ca", str(folder))
    acts = ("--scan-after", "0.2", "--confirm-after", "0.2")
    with subprocess.Popen((*emulator, *acts), cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            _, _, url = process.stdout.readline().strip().partition("ready ")
            yield url, (folder / "ca.pem").read_text()
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def installed(wechat: tuple[str, str]) -> Iterator[Installed]:
    url, authority = wechat
    with tempfile.TemporaryDirectory(prefix="fastmp-guide-") as root:
        machine = Machine(Path(root), url)
        machine.prepare()
        trusted = certificate(machine.root / "etc/ssl/fastmp")
        (machine.root / "authorities.pem").write_text(authority + trusted)
        try:
            with machine.shell() as shell:
                compared = shell.run_all(machine.blocks(blocks(INSTALL)))
                password = shell.run('echo "$ADMIN_PASSWORD"').strip()
            state = machine.root / "state"
            machine.checkout.joinpath("var").rename(state)
            yield Installed(machine, state, password, compared)
        finally:
            machine.reservations.release_all()


@pytest.mark.timeout(INSTALL_SECONDS)
def test_a_newcomer_can_follow_the_install_page(installed: Installed) -> None:
    assert installed.compared >= 4


@pytest.fixture
def prepared(request: pytest.FixtureRequest, installed: Installed, tmp_path: Path) -> Iterator[str]:
    """The name of a page, with what it expects on the machine."""
    page: str = request.param
    if page == "behind-a-proxy.md":
        if not fetch(tmp_path):
            pytest.skip("Debian's nginx and caddy cannot be fetched with apt-get here")
        with proxies(installed.machine, tmp_path):
            yield page
        return
    if page == "moving-in.md":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        leave_an_old_fastmp(installed.machine, server)
    yield page


def leave_an_old_fastmp(machine: Machine, server: PostgresServer) -> None:
    """An application to move in from, in PostgreSQL and in SQLite, with one account, its code and its cookie."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE old_fastmp")
    files = machine.root / "srv/old-fastmp"
    files.mkdir()
    url = server.url("old_fastmp")
    machine.changes.append((re.compile(re.escape(OLD_DATABASE)), url))
    old = OldFastMP(url, files)
    code = old.redeemed("dora@example.com")
    account = old.activated(code)
    cookie = old.cookie("dora@example.com")
    old.folder(cookie)
    for one in (old, OldFastMP(f"sqlite:///{files}/fastmp.db", files)):
        one.write(accounts=[account], codes=[code], cookies=[cookie])


# The first of them sets the machine up, if the install page was not chosen.
@pytest.mark.timeout(INSTALL_SECONDS + PAGE_SECONDS)
@pytest.mark.parametrize("prepared", PAGES, indirect=True)
def test_the_commands_do_what_the_page_says(installed: Installed, prepared: str) -> None:
    machine = installed.machine
    with machine.running_stack(installed.state, installed.password) as shell:
        shell.run_all(machine.blocks(blocks(prepared)))
