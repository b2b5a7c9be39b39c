"""The unit of deploy/systemd and the programs of systemd, for tests."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "systemd" / "fastmp.service"
SYSUSERS = ROOT / "deploy" / "systemd" / "fastmp.sysusers.conf"
# Where the unit expects the checkout.
INSTALLED = "/opt/fastmp"
PACKAGES = ("systemd", "libsystemd-shared")


@dataclass(frozen=True)
class Systemd:
    """The folders of systemd's programs, as in PATH, and the variables that they need there."""

    path: str
    variables: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def find(cls, folder: Path) -> "Systemd | None":
        """What is installed, or Debian's packages unpacked in `folder`, or None if they cannot be had."""
        if shutil.which("systemd-analyze") is not None:
            return cls(os.environ["PATH"])
        if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
            return None
        subprocess.run(("apt-get", "-q", "download", *PACKAGES), cwd=folder, capture_output=True, check=False)
        for package in folder.glob("*.deb"):
            subprocess.run(("dpkg", "-x", str(package), str(folder)), check=True)
        libraries = [str(one) for one in folder.glob("usr/lib/*/systemd")]
        units = str(folder / "lib" / "systemd" / "system")
        variables = {"LD_LIBRARY_PATH": ":".join(libraries), "SYSTEMD_UNIT_PATH": units}
        found = cls(f"{folder}/bin:{folder}/usr/bin", variables)
        return found if libraries and found.run("systemd-analyze", "--version").returncode == 0 else None

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs the program to its end."""
        return subprocess.run(
            [shutil.which(program, path=self.path) or program, *arguments],
            env={**os.environ, **self.variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def settings_of_the_unit(name: str) -> list[str]:
    """The values of all lines `name=value`, with the paths of this checkout."""
    return re.findall(rf"^{name}=(.+)$", UNIT.read_text().replace(INSTALLED, str(ROOT)), re.MULTILINE)


def unit_of_this_checkout(folder: Path) -> Path:
    """A copy of the unit in `folder`, with the paths of this checkout, so that what it starts exists."""
    copy = folder / UNIT.name
    copy.write_text(UNIT.read_text().replace(INSTALLED, str(ROOT)))
    return copy
