"""The list of all settings, and that tests and demo are deaf to those of the shell they are started from."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.demo import __main__ as demo
from deploy.local.errors import LocalStackError
from deploy.local.known_settings import known_settings
from deploy.local.settings import LocalSettings

ROOT = Path(__file__).parents[3]
CODE = [path for room in ("services", "gateway", "client", "deploy") for path in (ROOT / room).rglob("*.py")]
READ = re.compile(r"""environ(?:ment)?(?:\.get\(|\[)["'](?P<name>[A-Z][A-Z_]+)["']""")
# Of the system or of another program; none changes what the product does.
FOREIGN = {"PATH", "TMPDIR", "DEBIAN_FRONTEND"}
# Tests that build stacks' settings, environments, configurations and command lines.
REPRESENTATIVE = (
    "tests/unit/deploy/test_settings.py",
    "tests/unit/deploy/test_compose.py",
    "tests/cli/test_profiles.py",
)


def everything_exported() -> dict[str, str]:
    """Each known setting with a value that none of them may have."""
    return {**os.environ, **dict.fromkeys(known_settings(), "bad \N{BOMB}"), "gateway_Port": "bad"}


def test_each_variable_in_the_examples_and_in_the_code_is_known() -> None:
    examples = (ROOT / ".env.example").read_text()
    named = set(re.findall(r"^#?([A-Z_]+)=", examples, re.MULTILINE))
    read = {found["name"] for path in CODE for found in READ.finditer(path.read_text())}
    assert named
    assert read
    only_compose = re.compile(r"POSTGRES_PASSWORD$")
    assert {name for name in named | read if not only_compose.match(name)} - FOREIGN <= known_settings()


def test_the_tests_forget_every_setting_and_catch_ctrl_c_again() -> None:
    program = (
        "import json, os, signal, tests\n"
        "print(json.dumps([dict(os.environ), signal.getsignal(signal.SIGINT) == signal.SIG_IGN]))"
    )
    ended = subprocess.run(
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-c", program],
        env=everything_exported(),
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=60,
    )
    environment, ignored = json.loads(ended.stdout)
    assert not {name.upper() for name in environment} & known_settings()
    assert environment["PATH"] == os.environ["PATH"]
    assert not ignored


def test_tests_pass_with_every_setting_exported() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *REPRESENTATIVE],
        env=everything_exported(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout


def test_the_demo_forgets_every_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in everything_exported().items():
        monkeypatch.setenv(name, value)
    seen: list[LocalSettings] = []

    class NoStack:
        def __init__(self, settings: LocalSettings, **_: object) -> None:
            seen.append(settings)
            assert not known_settings() & set(os.environ)

        def __enter__(self) -> None:
            raise LocalStackError("far enough")

        def __exit__(self, *_: object) -> None:
            """Never entered."""

    monkeypatch.setattr(demo, "LocalStack", NoStack)
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert demo.main() == 1
    finally:
        signal.signal(signal.SIGTERM, before)
    (settings,) = seen
    assert settings.jwt_secret is None
    assert settings.port("GATEWAY_PORT") == 0
