"""`python -m deploy.local.import_fastmp`: imports another FastMP into the local stack, which may be running.

The setting IMPORT_URL is the database of that FastMP, IMPORT_FILES the folder that its `static/cookies` is in.
Each service imports its own data by its command import-fastmp; this one runs them in order, with the local stack's
databases and secrets. docs/operations/moving-in.md describes what is imported.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.local.beside import foundation_beside
from deploy.local.errors import LocalStackError
from deploy.local.programs import ROOT
from deploy.local.settings import LocalSettings
from deploy.local.topology import Replica

# In this order: Identity's import says whose codes and cookies the others import. Notifications imports nothing.
IMPORTING = ("identity", "activation", "wechat_cookie")


def import_fastmp(settings: LocalSettings) -> int:
    """Runs the services' commands until one fails, and returns the exit status.

    Raises LocalStackError if they cannot be run.
    """
    with foundation_beside(settings) as foundation, tempfile.TemporaryDirectory() as folder:
        handover = {"IMPORT_HANDOVER_FILE": str(Path(folder) / "handover.json")}
        for service in IMPORTING:
            status = subprocess.run(
                [sys.executable, "-m", f"services.{service}", "import-fastmp"],
                env=foundation.environments.service(Replica(service, 1)) | handover,
                cwd=ROOT,
                check=False,
            ).returncode
            if status != 0:
                return status
    return 0


def main() -> int:
    """Runs the command and returns the exit status: 0, or after an error message 1, 2 or a service's own."""
    if not os.environ.get("IMPORT_URL"):
        print("usage: make import-fastmp URL=postgresql://… or sqlite:///… [FILES=folder]", file=sys.stderr)
        return 2
    try:
        return import_fastmp(LocalSettings.from_environment())
    except LocalStackError as error:
        print(f"FastMP: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
