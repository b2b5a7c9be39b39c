"""Programs that are installed with Python wheels."""

import importlib.util
from pathlib import Path

from deploy.local.errors import LocalStackError


def package_folder(package: str) -> Path:
    """Returns the folder of an installed package without importing it, because imports can have side effects.

    Raises LocalStackError if it is not installed.
    """
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise LocalStackError(f"the package {package} is not installed (make run installs it)")
    return Path(found.origin).parent
