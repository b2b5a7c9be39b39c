"""`make dist`: builds the wheel of the client package into dist/, reproducibly."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The earliest time in a ZIP file, used for all files in the wheel so that it is reproducible.
EPOCH = "315532800"
SKIPPED = shutil.ignore_patterns("__pycache__", "*.binpb", "*.egg-info")


def build(target: Path) -> Path:
    """Builds the wheel into `target`, created if missing, and returns its path. Raises CalledProcessError.

    Downloads nothing: the build backend is that of this environment.
    """
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fastmp-dist-") as folder:
        source, built = Path(folder, "source"), Path(folder, "built")
        assemble(source)
        command = [str(Path(sys.executable).with_name("uv")), "build", "--quiet", "--wheel", "--offline"]
        command += ["--no-build-isolation", "--python", sys.executable, "--out-dir", str(built), str(source)]
        # The umask determines the modes of the files that the backend adds.
        subprocess.run(command, check=True, umask=0o022, env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH})
        (wheel,) = built.glob("*.whl")
        return Path(shutil.copy(wheel, target / wheel.name))


def assemble(source: Path) -> None:
    """Copies the generated and the hand-written packages into one source tree at `source`, which must not exist."""
    for top in (ROOT / "gen", ROOT / "client"):
        shutil.copytree(top / "fastmp", source / "fastmp", ignore=SKIPPED, dirs_exist_ok=True)
    for name in ("client/pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, source)
    # `fastmp` is a namespace package, so each package inside it needs the marker for type checkers.
    for package in (source / "fastmp").iterdir():
        (package / "py.typed").touch()
    for path in source.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def main() -> int:
    """Runs the command and returns the exit code of the build tool."""
    parser = argparse.ArgumentParser(description="Build the wheel that callers install.")
    parser.add_argument("--to", type=Path, default=ROOT / "dist", help="folder for the wheel")
    try:
        print(build(parser.parse_args().to))
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    return 0


if __name__ == "__main__":
    sys.exit(main())
