"""The unit of deploy/systemd, for tests."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "systemd" / "fastmp.service"
SYSUSERS = ROOT / "deploy" / "systemd" / "fastmp.sysusers.conf"
# Where the unit expects the checkout.
INSTALLED = "/opt/fastmp"


def settings_of_the_unit(name: str) -> list[str]:
    """The values of all lines `name=value`, with the paths of this checkout."""
    return re.findall(rf"^{name}=(.+)$", UNIT.read_text().replace(INSTALLED, str(ROOT)), re.MULTILINE)


def unit_of_this_checkout(folder: Path) -> Path:
    """A copy of the unit in `folder`, with the paths of this checkout, so that what it starts exists."""
    copy = folder / UNIT.name
    copy.write_text(UNIT.read_text().replace(INSTALLED, str(ROOT)))
    return copy
