"""`make lint`: runs all static checks and prints the output of those that fail."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = Path(sys.executable).parent
# Folders of generated files and files of others.
NOT_HAND_WRITTEN = {"gen", "var", "dist", "node_modules"}


@dataclass(frozen=True)
class Check:
    """A pipeline of commands. It passes when all of them exit with 0."""

    name: str
    commands: tuple[tuple[str, ...], ...]


def checks() -> Iterator[Check]:
    """Yields the checks, the slowest first. The paths are searched for, so that new ones are included."""
    python_folders = sorted(folder.name for folder in ROOT.iterdir() if _holds_python(folder))
    yield Check("types (mypy)", ((_script("mypy"), *python_folders),))
    generate = (sys.executable, "protos/generate.py", "--check")
    yield Check("generated code is that of the protos", (generate,))
    for migrations in sorted(ROOT.glob("services/*/migrations")):
        service = migrations.parent.name
        statements = (sys.executable, "-m", f"services.{service}", "migrate", "--sql")
        yield Check(f"migrations of {service} (squawk)", (statements, (_script("squawk"),)))
    yield Check("imports (import-linter)", ((_script("lint-imports"), "--no-cache"),))
    yield Check("style (ruff check)", ((_script("ruff"), "check", "."),))
    yield Check("format (ruff format)", ((_script("ruff"), "format", "--check", "."),))
    yield Check("protos (buf lint)", ((_script("buf"), "lint", "gen/fastmp/descriptor_set.binpb"),))
    for image in sorted(ROOT.glob("deploy/**/*Dockerfile*")):
        path = str(image.relative_to(ROOT))
        yield Check(f"image {path} (hadolint)", ((_script("hadolint"), path),))


def run(check: Check) -> tuple[bool, str]:
    """Runs the check and returns whether it passed, and its output."""
    printed = b""
    feed = b""
    for command in check.commands:
        finished = subprocess.run(command, cwd=ROOT, input=feed, capture_output=True, check=False)
        feed = finished.stdout
        if finished.returncode != 0 or command is check.commands[-1]:
            printed = finished.stdout + finished.stderr
        if finished.returncode != 0:
            return False, printed.decode(errors="replace")
    return True, printed.decode(errors="replace")


def main() -> int:
    """Runs all checks and returns the exit code: 0 if all passed."""
    begin = time.monotonic()
    all_checks = list(checks())
    failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for check, (passed, printed) in zip(all_checks, pool.map(run, all_checks), strict=True):
            print(f"{'ok    ' if passed else 'FAILED'} {check.name}", flush=True)
            if not passed:
                failed += 1
                print(printed, flush=True)
    print(f"{len(all_checks) - failed} checks passed, {failed} failed, {time.monotonic() - begin:.0f} s")
    return 1 if failed else 0


def _holds_python(folder: Path) -> bool:
    hidden = folder.name.startswith(".") or folder.name in NOT_HAND_WRITTEN
    return folder.is_dir() and not hidden and next(folder.rglob("*.py"), None) is not None


def _script(name: str) -> str:
    return str(SCRIPTS / name)


if __name__ == "__main__":
    sys.exit(main())
