"""`python -m deploy.local.reconcile [--apply] [--keep-tokens]`: services.reconcile on the local stack's databases.

The stack must be stopped. `make restore` runs it, too.
"""

import subprocess
import sys
from collections.abc import Sequence

from deploy.local.beside import foundation_beside
from deploy.local.errors import LocalStackError
from deploy.local.foundation import Foundation
from deploy.local.programs import ROOT
from deploy.local.settings import LocalSettings
from deploy.local.topology import SERVICES


def reconcile(foundation: Foundation, arguments: Sequence[str]) -> int:
    """Runs the command with the stack's databases and keys, and returns its exit status."""
    keys = {f"{service.upper()}_AUDIT_KEY": foundation.secrets.audit_key(service) for service in SERVICES}
    return subprocess.run(
        [sys.executable, "-m", "services.reconcile", *arguments],
        env=foundation.environments.migrations() | keys,
        cwd=ROOT,
        check=False,
    ).returncode


def main() -> int:
    """Runs the command and returns its exit status, or 1 after an error message."""
    try:
        with foundation_beside(LocalSettings.from_environment()) as foundation:
            return reconcile(foundation, sys.argv[1:])
    except LocalStackError as error:
        print(f"FastMP: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
