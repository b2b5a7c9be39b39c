"""Installation of Debian packages for the tests."""

import os
import shutil
import subprocess
import sys


def install(packages: tuple[str, ...]) -> bool:
    """Installs the packages and returns whether it succeeded. Needs root and apt-get."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # Another process may be running apt-get.
    apt = ("apt-get", "-q", "-o", "DPkg::Lock::Timeout=300")
    install_all = (*apt, "install", "-y", "--no-install-recommends", *packages)
    for command in ((*apt, "update"), install_all):
        done = subprocess.run(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            print(done.stdout, file=sys.stderr)
            return False
    return True
