"""`python -m deploy.local.restore FILE [yes]`: makes a local stack of a backup that `make backup` has written.

With "yes" it replaces a stack that is there, which is moved aside. The stack must not be running.
"""

import datetime
import shutil
import sys
from pathlib import Path

from deploy.local.backup import not_in_it
from deploy.local.backup_archive import DATABASE, DESCRIPTION, extract
from deploy.local.backup_cluster import restore_base_backup
from deploy.local.beside import foundation_beside
from deploy.local.errors import LocalStackError
from deploy.local.reconcile import reconcile
from deploy.local.settings import LocalSettings
from deploy.local.state_directory import PRIVATE_DIRECTORY_MODE, StateDirectory

# In the state directory.
FORMER = "before-"
LOCK = "lock"
USAGE = "usage: make restore FROM=file [REPLACE=yes]"


def restore(settings: LocalSettings, archive: Path, now: datetime.datetime, *, replaces: bool) -> Path | None:
    """Restores the stack in FASTMP_STATE_DIR. Returns where what was there was moved to, None if nothing was.

    The backup is extracted and verified before anything is replaced. Raises LocalStackError if the backup is
    damaged, if a stack is running there, or if something is there and `replaces` is false.
    """
    path = settings.fastmp_state_dir.resolve()
    has_data = _has_data(path)
    if has_data and not replaces:
        raise LocalStackError(
            f"{path} (FASTMP_STATE_DIR) is not empty; REPLACE=yes moves it aside and restores the backup"
        )
    if not archive.is_file():
        raise LocalStackError(f"{archive} is not a file")
    # Locked, so that no stack is running there and none is started meanwhile.
    state = StateDirectory.open(path)
    restored, former = path / "restoring", path / f"{FORMER}{now:%Y%m%dT%H%M%SZ}"
    try:
        shutil.rmtree(restored, ignore_errors=True)
        restored.mkdir(mode=PRIVATE_DIRECTORY_MODE)
        _unpack(archive, restored)
        _replace(path, restored, former)
    except OSError as error:
        raise LocalStackError(f"{path}: {error.strerror}") from error
    finally:
        shutil.rmtree(restored, ignore_errors=True)
        state.close()
    if has_data:
        return former
    shutil.rmtree(former)
    return None


def _has_data(path: Path) -> bool:
    """Whether there is any file but those of earlier restores, and the lock."""
    files = (one.relative_to(path) for one in path.rglob("*") if one.is_file())
    return any(file.name != LOCK and not file.parts[0].startswith(FORMER) for file in files)


def _replace(path: Path, restored: Path, former: Path) -> None:
    # The folder itself may be a mount point, or in one that only root can change. While it is incomplete, it has a
    # database without secrets.json, with which no stack starts.
    secrets = StateDirectory.secrets_file_in(path).name
    there = [one.name for one in path.iterdir() if one not in {restored, path / LOCK}]
    moved = sorted((name for name in there if not name.startswith(FORMER)), key=lambda name: name != secrets)
    former.mkdir(mode=PRIVATE_DIRECTORY_MODE)
    for name in moved:
        (path / name).rename(former / name)
    for one in sorted(restored.iterdir(), key=lambda one: one.name == secrets):
        one.rename(path / one.name)


def _unpack(archive: Path, state: Path) -> None:
    extract(archive, state)
    if not (state / DESCRIPTION).exists() or not StateDirectory.secrets_file_in(state).exists():
        raise LocalStackError(f"{archive} is not a backup that make backup has written")
    (state / DESCRIPTION).unlink()
    if (state / DATABASE).exists():
        restore_base_backup(state / DATABASE, state / "postgres")
        shutil.rmtree(state / DATABASE)


def main() -> int:
    """Runs the command and returns the exit status: 0, or after a message 1, 2 for bad arguments."""
    match sys.argv[1:]:
        case [file] | [file, ""] if file:
            replaces = False
        case [file, "yes"] if file:
            replaces = True
        case _:
            print(USAGE, file=sys.stderr)
            return 2
    try:
        settings = LocalSettings.from_environment()
        former = restore(settings, Path(file), datetime.datetime.now(datetime.UTC), replaces=replaces)
        print(f"restored: {settings.fastmp_state_dir.resolve()}", flush=True)
        if former is not None:
            print(f"what was there is in {former}; delete it when you no longer need it", flush=True)
        for missing in not_in_it(settings):
            print(f"not restored: {missing}", flush=True)
        with foundation_beside(settings) as foundation:
            return reconcile(foundation, ["--apply"])
    except LocalStackError as error:
        print(f"FastMP: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
