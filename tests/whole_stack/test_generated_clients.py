"""Clients that generators make of /openapi.json log an official account in: event stream and avatar included."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import requests

from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from tests.whole_stack.people import People

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "generated_clients"
INSTALL_SECONDS = 300
# How a JPEG begins.
JPEG = "ffd8ff"

pytestmark = pytest.mark.timeout(2 * INSTALL_SECONDS)


def run(*command: str, cwd: Path, program_path: Path | None = None) -> None:
    """Runs a command. Raises CalledProcessError, after printing what it wrote, if it fails."""
    path = os.environ["PATH"] if program_path is None else f"{program_path}:{os.environ['PATH']}"
    finished = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=INSTALL_SECONDS,
    )
    if finished.returncode != 0:
        print(finished.stdout)
    finished.check_returncode()


@pytest.fixture
def folder(stack: LocalStack, tmp_path: Path) -> Path:
    """A copy of the programs, with the gateway's document."""
    copy = shutil.copytree(PROGRAMS, tmp_path / "client", ignore=shutil.ignore_patterns("__*"))
    document = requests.get(f"{stack.gateway_url}/openapi.json", timeout=30)
    (copy / "openapi.json").write_bytes(document.content)
    return copy


@pytest.fixture
def python_program(folder: Path) -> Sequence[str]:
    environment = folder / "venv"
    run(sys.executable, "-m", "venv", str(environment), cwd=folder)
    programs = environment / "bin"
    requirements = str(ROOT / "requirements" / "generators.txt")
    run(str(programs / "pip"), "install", "-q", "--require-hashes", "-r", requirements, cwd=folder)
    generator = [str(programs / "openapi-python-client"), "generate", "--fail-on-warning"]
    made = ["--path", "openapi.json", "--meta", "none", "--output-path", "fastmp_rest"]
    # The generator formats with the ruff on the path.
    run(*generator, *made, cwd=folder, program_path=programs)
    return str(programs / "python"), "use_python.py"


@pytest.fixture
def typescript_program(folder: Path) -> Sequence[str]:
    npm = shutil.which("npm")
    assert npm is not None, "install Node.js and npm; on Debian: apt install nodejs npm"
    run(npm, "ci", "--no-fund", "--no-audit", cwd=folder)
    programs = folder / "node_modules" / ".bin"
    run(str(programs / "openapi-typescript"), "openapi.json", "-o", "schema.d.ts", cwd=folder)
    run(str(programs / "tsc"), cwd=folder)
    return "node", "use_typescript.js"


@pytest.mark.parametrize("language", ["python", "typescript"])
def test_a_generated_client_logs_an_official_account_in(
    language: str,
    stack: LocalStack,
    people: People,
    wechat: EmulatorControl,
    folder: Path,
    request: pytest.FixtureRequest,
) -> None:
    command = request.getfixturevalue(f"{language}_program")
    environment = {**os.environ, "SERVER": stack.gateway_url, "TOKEN": people.active().token}
    account = wechat.add_account("生成的客户端")
    said = []
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        for line in program.stdout:
            said.append(json.loads(line))
            if "qr" in said[-1]:
                wechat.scan_and_confirm(said[-1]["qr"], account=account.name)
    assert program.returncode == 0
    assert [fact for fact in said if "qr" not in fact] == [
        {"name": account.name, "avatar": said[-2]["avatar"]},
        {"succeeded": True},
    ]
    assert said[-2]["avatar"].startswith(JPEG)
