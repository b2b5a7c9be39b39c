"""Debian's Prometheus for the tests of alerts: `python -m deploy.prometheus` unpacks it into `.venv` if possible.

The package is unpacked and not installed, because installing it would start a server.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGE = "prometheus"
# Beside the Python of the environment, which `make` creates.
UNPACKED = Path(sys.prefix) / "prometheus"
ADVICE = f"the tests of alerts need promtool and prometheus: apt-get install {PACKAGE}"


def find(name: str) -> str | None:
    """Returns the path of "prometheus" or "promtool" on the PATH or as unpacked, or None."""
    folders = os.pathsep.join((os.environ.get("PATH", os.defpath), str(UNPACKED / "usr" / "bin")))
    return shutil.which(name, path=folders)


def install() -> bool:
    """Unpacks the package into UNPACKED and returns whether it succeeded. Needs apt-get; root for its lists."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        download = ("apt-get", "-q", "download", PACKAGE)
        if not _runs(download, folder):
            # There may be no lists of packages yet.
            update = ("apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "update")
            if os.geteuid() != 0 or not _runs(update, folder) or not _runs(download, folder):
                return False
        (package,) = Path(folder).glob(f"{PACKAGE}_*.deb")
        return _runs(("dpkg-deb", "--extract", str(package), str(UNPACKED)), folder)


def _runs(command: tuple[str, ...], folder: str) -> bool:
    done = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode != 0:
        print(done.stdout, file=sys.stderr)
    return done.returncode == 0


def main() -> int:
    """Runs the command and returns 0, also without Prometheus: then only the tests of alerts are skipped."""
    if find("promtool") is None:
        print("Unpacking Prometheus for the tests of alerts ...", flush=True)
        if not install():
            print(ADVICE, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
