"""Patroni, in an environment of its own."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.debian_programs import MissingProgramError

REQUIREMENTS = Path(__file__).parents[3] / "requirements" / "patroni.txt"


def patroni() -> Path:
    """Installs Patroni, once, beside the packages of this environment, and returns its program.

    Raises MissingProgramError if that fails.
    """
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]
    folder = Path(sys.prefix) / f"patroni-{digest}"
    program = folder / "bin" / "patroni"
    with Path(__file__).open() as lock:
        # Two runs must not install at the same time.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            _install(folder)
    return program


def _install(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    python = str(folder / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(REQUIREMENTS)]
    for command in ([sys.executable, "-m", "venv", str(folder)], pip):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)
            raise MissingProgramError(f"Patroni could not be installed: {done.stderr.strip()}")
