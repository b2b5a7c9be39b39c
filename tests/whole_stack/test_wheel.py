"""The wheel in an empty virtual environment: the examples pass a strict type check there, and do what they say."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from deploy import dist
from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from tests.whole_stack.people import People, Person

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
# What the examples and their check need beside the wheel.
BESIDE = ("requests", "types-requests", "mypy")
PINS = [f"--constraint={ROOT / 'requirements' / name}" for name in ("services.txt", "dev.txt")]
INSTALL_SECONDS = 300
EXAMPLE_SECONDS = 60


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dist.build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that holds the wheel and what it asks for, and nothing of this checkout."""
    environment = tmp_path_factory.mktemp("environment") / "venv"
    run(sys.executable, "-m", "venv", str(environment))
    python = environment / "bin" / "python"
    wanted = [*PINS, f"{wheel}[cli,types]", *BESIDE]
    try:
        run(str(UV), "pip", "install", "--quiet", "--python", str(python), *wanted)
    except subprocess.CalledProcessError:
        # uv does not read pip's configuration, which on some machines names the only reachable index.
        run(str(python), "-m", "pip", "install", "--quiet", *wanted)
    return python


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the examples, away from the checkout."""
    copy = tmp_path_factory.mktemp("caller") / "examples"
    shutil.copytree(ROOT / "examples", copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def surroundings(**added: str) -> dict[str, str]:
    """The environment variables, but those that would make the checkout importable."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
    }
    return kept | added


def run(*command: str, cwd: Path | None = None) -> str:
    """What the command printed. Raises CalledProcessError, with all that it printed, when it fails."""
    finished = subprocess.run(
        command,
        cwd=cwd,
        env=surroundings(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=INSTALL_SECONDS,
    )
    if finished.returncode != 0:
        print(finished.stdout)
    finished.check_returncode()
    return finished.stdout


def caller(stack: LocalStack) -> list[str]:
    """The arguments that every example takes."""
    folder = stack.tls_files("collector").ca_file.parent
    return ["--address", stack.addresses("wechat_cookie")[0], "--tls", str(folder)]


def at_wechat(stack: LocalStack, person: Person) -> list[str]:
    """The arguments of the examples that call WeChat with a cookie."""
    emulator = stack.wechat_emulator
    assert emulator is not None
    return ["--owner", person.email, "--wechat", emulator.base_url, "--wechat-ca", str(emulator.ca_file)]


def test_the_wheel_holds_the_stubs_and_the_client_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    packages = {name.split("/")[1] for name in names if name.startswith("fastmp/")}
    assert packages == {"access", "activation", "audit", "cli", "client", "identity", "wechat_cookie"}
    assert {f"fastmp/{package}/py.typed" for package in packages} <= set(names)
    assert "fastmp/wechat_cookie/v1/wechat_cookie_service_pb2_grpc.pyi" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"fastmp", "fastmp_client"}


def test_the_same_files_make_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        again = dist.build(tmp_path)
    finally:
        os.umask(before)
    assert again.read_bytes() == wheel.read_bytes()


@pytest.mark.timeout(INSTALL_SECONDS)
def test_the_examples_pass_a_strict_type_check(python: Path, examples: Path) -> None:
    checked = run(str(python), "-m", "mypy", "--strict", str(examples), cwd=examples.parent)
    assert "no issues found in 3 source files" in checked
    # So does the program that the README shows.
    (shown,) = re.findall(
        r"^```python [\w.]+\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE
    )
    (examples.parent / "shown.py").write_text(shown)
    run(str(python), "-m", "mypy", "--strict", "shown.py", cwd=examples.parent)
    # The same check refuses what the types forbid: they are there, and not Any.
    wrong = examples.parent / "wrong.py"
    wrong.write_text(
        "from fastmp.client import BorrowedCookie\n"
        "def use(cookie: BorrowedCookie) -> int:\n"
        "    cookie.report('fine')\n"
        "    return cookie.header\n"
    )
    with pytest.raises(subprocess.CalledProcessError) as caught:
        run(str(python), "-m", "mypy", "--strict", str(wrong), cwd=examples.parent)
    assert "Found 2 errors" in caught.value.stdout


@pytest.mark.timeout(INSTALL_SECONDS)
def test_the_examples_run_from_the_wheel(
    stack: LocalStack, people: People, wechat: EmulatorControl, python: Path, examples: Path
) -> None:
    person = people.active()
    imported = run(str(python), "-c", "import fastmp.client; print(fastmp.client.__file__)", cwd=examples)
    assert str(python.parent.parent) in imported

    watching = subprocess.Popen(
        [str(python), str(examples / "watch_a_login.py"), *caller(stack)],
        env=surroundings(FASTMP_TOKEN=person.token),
        stdout=subprocess.PIPE,
        text=True,
    )
    with watching:
        assert watching.stdout is not None
        printed = []
        for line in watching.stdout:
            printed.append(line)
            if line.startswith("scan this with WeChat: "):
                wechat.scan_and_confirm(line.removeprefix("scan this with WeChat: ").strip())
    assert watching.returncode == 0
    assert "is logged in until" in printed[-1]

    search = [str(python), str(examples / "search_articles.py"), *caller(stack), *at_wechat(stack, person)]
    assert "mp.weixin.qq.com/s?" in run(*search, "笔记")

    worker = [str(python), str(examples / "hand_cookie_to_worker.py"), *caller(stack)]
    worker += at_wechat(stack, person)
    assert "reported ok: the cookie is now ok" in run(*worker, "笔记", "日报")

    # When WeChat has ended the session, the worker finds out, and the next program is not handed the cookie.
    (session,) = [one for one in wechat.sessions() if one.alive]
    wechat.kill_session(session.token)
    with pytest.raises(subprocess.CalledProcessError) as caught:
        run(*worker, "笔记")
    assert "reported dead: the cookie is now dead" in caught.value.stdout
    with pytest.raises(subprocess.CalledProcessError) as caught:
        run(*search, "笔记")
    assert "COOKIE_UNUSABLE" in caught.value.stdout


@pytest.mark.timeout(INSTALL_SECONDS)
def test_the_command_line_comes_with_the_wheel(wheel: Path, python: Path) -> None:
    fastmp = str(python.with_name("fastmp"))
    assert "Usage" in run(fastmp, "--help")
    assert run(fastmp, "--version").strip() == wheel.name.split("-")[1]
