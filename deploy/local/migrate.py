"""`python -m deploy.local.migrate`: brings the databases of all services up to their newest revision.

The same as `python -m services.<name> migrate` for each of them, but in one process: loading the modules is most of
the time when there is nothing to migrate, and here it happens once.
"""

import os
import sys

import sqlalchemy.exc

from deploy.local.processes import BAD_SETTING
from deploy.local.topology import SERVICES
from services.chassis.postgres.migrations import upgrade


def main() -> int:
    """The exit code: 0 when every database is up to date, 1 after a line that names the setting at fault."""
    for service in SERVICES:
        setting = f"{service.upper()}_DATABASE_URL"
        try:
            upgrade(os.environ[setting], f"services.{service}")
        except sqlalchemy.exc.ArgumentError:
            # The error's text may repeat the URL.
            print(f"{BAD_SETTING}{setting}: not a database URL", file=sys.stderr)
            return 1
        except sqlalchemy.exc.OperationalError as error:
            reason = str(error.orig).strip().replace("\n", " ")
            print(f"{BAD_SETTING}{setting}: the database cannot be used: {reason}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
