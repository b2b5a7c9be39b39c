"""Creates the virtual environment `.venv` with only the standard library: `python3 deploy/bootstrap.py runtime`.

The layer `runtime` has the packages of the product, `development` also those of tests, checks and the demo. A
repeated run does nothing unless a requirements file, this file or the Python has changed.
"""

# Python 3.7 and newer must be able to parse and import this file, so that it can print an error message.
from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

OLDEST_PYTHON = (3, 11)
RUNTIME_FILES = ("services.txt", "local.txt", "cli.txt")
LAYERS = {"runtime": RUNTIME_FILES, "development": (*RUNTIME_FILES, "dev.txt")}
INSTALLER_FILE = "bootstrap.txt"
STAMP = "fastmp-bootstrap.json"


class BootstrapError(Exception):
    """The environment could not be created. The message is for the terminal."""


def bootstrap(root: Path, layer: str) -> None:
    """Installs `layer` into `root`/.venv; if it has the layer `development` already, that layer is updated.

    Idempotent, and safe to run in two processes concurrently. Raises BootstrapError if it fails.
    """
    import fcntl  # noqa: PLC0415 - Windows does not have it, and never comes here.

    environment = root / ".venv"
    stamp = environment / STAMP
    with Path(__file__).open() as lock:
        # Two commands must not install into one environment at the same time.
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamped = read_stamp(stamp)
        if stamped.get("layer") == "development":
            layer = "development"
        wanted = {"layer": layer, "digest": digest(root, layer)}
        if stamped == wanted and (environment / "bin" / "python").exists():
            return
        print(f"Setting up .venv ({layer}) ...", flush=True)
        # Without the stamp, the next run repeats an interrupted one.
        if stamp.exists():
            stamp.unlink()
        make_environment(environment)
        install(root / "requirements", environment, layer)
        make_importable(root, environment)
        stamp.write_text(json.dumps(wanted))


def read_stamp(stamp: Path) -> dict[str, str]:
    """Returns the content of the stamp of the last completed run; empty if it cannot be read."""
    try:
        content = json.loads(stamp.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def digest(root: Path, layer: str) -> str:
    """Returns a digest of the Python, the folder's path, and the files on which `layer` depends."""
    total = hashlib.sha256(repr((sys.version, sys.base_prefix, str(root))).encode())
    names = [f"requirements/{name}" for name in (INSTALLER_FILE, *LAYERS[layer])]
    for name in [*names, "pyproject.toml", "deploy/bootstrap.py"]:
        total.update(hashlib.sha256((root / name).read_bytes()).digest())
    return total.hexdigest()


def make_environment(environment: Path) -> None:
    """Creates the virtual environment, unless it exists at this path with this Python's version."""
    question = "import sys; print(*sys.version_info[:2], sys.prefix)"
    expected = " ".join(str(part) for part in (*sys.version_info[:2], environment))
    try:
        found = run([str(environment / "bin" / "python"), "-c", question])
    except OSError:
        # There is none yet, or its Python was removed.
        pass
    else:
        if found.stdout.strip() == expected:
            return
    made = run([sys.executable, "-m", "venv", "--clear", str(environment)])
    if made.returncode != 0:
        reason = made.stdout.strip().partition("\n")[0]
        advice = "on Debian: apt install python3-venv"
        raise BootstrapError(f"{sys.executable} cannot make virtual environments ({advice}): {reason}")


def install(requirements: Path, environment: Path, layer: str) -> None:
    """Installs the packages of `layer`, and checks their hashes. Raises BootstrapError if that fails."""
    python = str(environment / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    files = [str(requirements / name) for name in LAYERS[layer]]
    installed = run([*pip, "-r", str(requirements / INSTALLER_FILE)])
    if installed.returncode == 0:
        uv = [str(environment / "bin" / "uv"), "pip", "sync", "--quiet", "--compile-bytecode"]
        installed = run([*uv, "--require-hashes", "--python", python, *files])
    if installed.returncode != 0:
        # uv does not read pip's configuration, which on some machines names the only reachable index.
        installed = run([*pip, *(part for file in files for part in ("-r", file))])
    if installed.returncode != 0:
        raise BootstrapError(f"the requirements could not be installed:\n{installed.stdout.strip()}")


def make_importable(root: Path, environment: Path) -> None:
    """Installs the project as editable, without downloading a build backend.

    Makes the folders importable, provides importlib.metadata with the version in pyproject.toml, and installs the
    program `fastmp`.
    """
    import tomllib  # noqa: PLC0415 - older Pythons do not have it, and never come here.

    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    (packages,) = (environment / "lib").glob("python*/site-packages")
    metadata = packages / f"{project['name']}-{project['version']}.dist-info"
    metadata.mkdir(exist_ok=True)
    program = environment / "bin" / "fastmp"
    files = {
        packages / "fastmp.pth": f"{root}\n{root / 'gen'}\n{root / 'client'}\n",
        metadata
        / "METADATA": f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n",
        metadata / "INSTALLER": "fastmp-bootstrap\n",
        program: f'#!/bin/sh\nexec {shlex.quote(str(environment / "bin" / "python"))} -m fastmp.cli "$@"\n',
    }
    # With the record, an installer can uninstall it, as it does before the next installation.
    record = metadata / "RECORD"
    for file, content in files.items():
        file.write_text(content)
    program.chmod(0o755)
    record.write_text("".join(f"{os.path.relpath(file, packages)},,\n" for file in [*files, record]))


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs `command`, with standard error in its output. Raises OSError if there is no such program."""
    # These variables would change where packages are installed or found.
    dropped = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_USER", "PIP_REQUIRE_VIRTUALENV")
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    output = subprocess.STDOUT
    return subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=output, text=True, check=False
    )


def main() -> int:
    """Runs the command and returns the exit code: 0, or 1 after an error message."""
    if sys.version_info < OLDEST_PYTHON:
        found = f"{sys.executable} is {sys.version_info[0]}.{sys.version_info[1]}"
        print(f"FastMP needs Python 3.11 or newer, and {found}: make PYTHON=python3.x ...", file=sys.stderr)
        return 1
    if importlib.util.find_spec("fcntl") is None:
        print(f"FastMP needs a Python with the module fcntl, and {sys.executable} has none.", file=sys.stderr)
        print("It runs on Linux and macOS; on Windows, run it in WSL2: README.md, Windows.", file=sys.stderr)
        return 1
    try:
        bootstrap(Path(__file__).resolve().parent.parent, sys.argv[1])
    except BootstrapError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
