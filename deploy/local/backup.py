"""`python -m deploy.local.backup [FOLDER]`: backs the local stack up, which may be running.

One file has the databases, as of one moment, with the secrets and certificates that they need. `make restore` makes
a stack of it again; docs/operations/backup.md describes both.
"""

import datetime
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deploy.local.backup_archive import DATABASE, DESCRIPTION, write_archive
from deploy.local.backup_cluster import take_base_backup
from deploy.local.beside import foundation_beside
from deploy.local.errors import LocalStackError
from deploy.local.foundation import Foundation
from deploy.local.settings import LocalSettings
from deploy.local.state_directory import PRIVATE_DIRECTORY_MODE
from deploy.local.topology import SERVICES

FOLDER = Path("backups")
OTHERS = 0o077
WARNING = """\
It has the databases together with the keys that decrypt them: keep it as secret as secrets.json, and keep a copy on
another machine. Losing secrets.json and its backups loses the cookies: nothing else decrypts them."""


def back_up(settings: LocalSettings, folder: Path, now: datetime.datetime) -> Path:
    """Writes a backup into `folder`, which is created with mode 0700, and returns its path.

    Raises LocalStackError if there is no stack, or if the backup fails; nothing is left of it then.
    """
    folder = _private(folder)
    path = folder / f"fastmp-{now:%Y%m%dT%H%M%SZ}.tar"
    with (
        foundation_beside(settings, migrates=False) as foundation,
        tempfile.TemporaryDirectory(prefix=".unfinished-", dir=folder) as parts,
    ):
        _gather(foundation, settings, Path(parts), now)
        write_archive(path, Path(parts))
    return path


def not_in_it(settings: LocalSettings) -> Iterator[str]:
    """Yields what the stack needs and a backup does not have, because it comes from settings."""
    for name in ("cookie_keys", "totp_keys", "jwt_secret"):
        if getattr(settings, name) is not None:
            yield f"{name.upper()}, which is a setting: keep it yourself"
    for service in SERVICES:
        if settings.database_url(service) is not None:
            yield f"the database in {service.upper()}_DATABASE_URL: back it up where it runs"


def _gather(foundation: Foundation, settings: LocalSettings, parts: Path, now: datetime.datetime) -> None:
    state = foundation.state
    secrets = state.secrets_file.read_bytes()
    if foundation.postgres is not None:
        take_base_backup(foundation.postgres, foundation.secrets.postgres_password, parts / DATABASE)
    # A rotation of the keys meanwhile could leave the copy of the database with a key that is in neither file.
    if state.secrets_file.read_bytes() != secrets:
        raise LocalStackError("the secrets were changed during the backup; repeat it")
    shutil.copy2(state.secrets_file, parts)
    shutil.copytree(state.certificates, parts / state.certificates.name)
    if state.first_admin_marker.exists():
        shutil.copy2(state.first_admin_marker, parts)
    databases = [service for service in SERVICES if settings.database_url(service) is None]
    description = {"time": now.isoformat(timespec="seconds"), "databases": databases}
    (parts / DESCRIPTION).write_text(json.dumps(description, indent=1) + "\n")


def _private(folder: Path) -> Path:
    folder = folder.absolute()
    try:
        folder.mkdir(mode=PRIVATE_DIRECTORY_MODE, parents=True, exist_ok=True)
        is_open = folder.stat().st_mode & OTHERS
    except OSError as error:
        raise LocalStackError(f"{folder} cannot be used: {error.strerror}") from error
    if is_open:
        raise LocalStackError(f"{folder} can be read by others; close it with: chmod 700 {folder}")
    return folder


def main() -> int:
    """Runs the command and returns the exit status: 0, or 1 after an error message, 2 for bad arguments."""
    match sys.argv[1:]:
        case [] | [""]:
            folder = FOLDER
        case [given]:
            folder = Path(given)
        case _:
            print("usage: make backup [TO=folder]", file=sys.stderr)
            return 2
    try:
        settings = LocalSettings.from_environment()
        path = back_up(settings, folder, datetime.datetime.now(datetime.UTC))
    except LocalStackError as error:
        print(f"FastMP: {error}", file=sys.stderr)
        return 1
    print(f"backup: {path} ({path.stat().st_size / 1e6:.1f} MB)")
    for missing in not_in_it(settings):
        print(f"not in it: {missing}")
    print(WARNING)
    return 0


if __name__ == "__main__":
    sys.exit(main())
