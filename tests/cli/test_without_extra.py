"""The plain wheel, without the packages of the extra `cli`: its program says what to install."""

import subprocess
import sys

import pytest

from fastmp.cli.__main__ import PACKAGES


@pytest.mark.parametrize("package", PACKAGES)
def test_the_program_says_what_to_install(package: str) -> None:
    program = f"import sys; sys.modules[{package!r}] = None; from fastmp.cli.__main__ import main; main()"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "pip install 'fastmp-client[cli]'" in ended.stderr
    assert "Traceback" not in ended.stderr
