"""`python -m deploy.local.migrate`: upgrades the databases of all services to their newest revision.

Does the same as `python -m services.<name> migrate` for each service, but in one process: if there is nothing to
migrate, loading the modules takes most of the time.
"""

import os
import sys

import sqlalchemy.exc

from deploy.local.processes import BAD_SETTING
from deploy.local.topology import SERVICES
from services.chassis.postgres.migrations import upgrade


def main() -> int:
    """Runs the command and returns the exit code: 0, or 1 after a line that names the bad setting."""
    for service in SERVICES:
        setting = f"{service.upper()}_DATABASE_URL"
        try:
            upgrade(os.environ[setting], f"services.{service}")
        except ValueError:
            print(f"{BAD_SETTING}{setting}: not a database URL", file=sys.stderr)
            return 1
        except sqlalchemy.exc.OperationalError as error:
            reason = str(error.orig).strip().replace("\n", " ")
            print(f"{BAD_SETTING}{setting}: the database cannot be used: {reason}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
