"""Programs of Debian packages that tests need."""

import os
import shutil

from deploy import debian


class MissingProgramError(Exception):
    """A program is missing and cannot be installed here. The message says which, and what to do."""


def debian_program(name: str, package: str) -> str:
    """Returns the path of a program of a Debian package, which is installed if it is missing.

    Raises MissingProgramError if that fails.
    """
    # Some of them are in folders that only root has in its PATH.
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    if shutil.which(name, path=path) is None:
        debian.install((package,))
    found = shutil.which(name, path=path)
    if found is None:
        raise MissingProgramError(f"{name} is missing: apt-get install {package}")
    return found
