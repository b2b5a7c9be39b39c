"""`make backup` and `make restore`: while the stack runs, into a stack that serves; and what they refuse."""

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from deploy.local import backup, restore
from deploy.local.errors import LocalStackError
from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack
from services.chassis.clock import utc_now
from tests.service.deploy.test_import_fastmp import imported
from tests.service.deploy.test_lifecycle import environment
from tests.support.old_fastmp import PASSWORD, OldFastMP
from tests.support.waiting import wait_until


def run(command: str, state: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", f"deploy.local.{command}", *arguments],
        env=environment(state),
        capture_output=True,
        text=True,
        check=False,
    )


def signed_in(stack: LocalStack, account: dict[str, Any]) -> dict[str, str]:
    credentials = {"email": account["email"], "password": PASSWORD}
    answer = requests.post(f"{stack.gateway_url}/auth/login", json=credentials, timeout=30)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def status(stack: LocalStack, path: str, bearer: dict[str, str]) -> int:
    return requests.get(f"{stack.gateway_url}{path}", headers=bearer, timeout=30).status_code


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_restored_stack_serves_what_was_there_at_the_backup(tmp_path: Path) -> None:
    files, state, folder = tmp_path / "old", tmp_path / "state", tmp_path / "backups"
    files.mkdir()
    old = OldFastMP(f"sqlite:///{files / 'fastmp.db'}", files)
    code = old.redeemed("ann@example.com")
    ann = old.activated(code)
    cookie = old.cookie("ann@example.com")
    old.folder(cookie)
    old.write(accounts=[ann], codes=[code], cookies=[cookie])
    settings = LocalSettings.side_by_side(state)
    with LocalStack(settings, environment=dict(os.environ)) as stack:
        imported(old, state)
        before = signed_in(stack, ann)

        made = run("backup", state, str(folder))

        assert (made.returncode, made.stderr) == (0, "")
        assert "Losing secrets.json and its backups loses the cookies" in made.stdout
        [archive] = folder.iterdir()
        assert f"backup: {archive} (" in made.stdout
        assert [stat.S_IMODE(one.stat().st_mode) for one in (folder, archive)] == [0o700, 0o600]

        # What happens after it is lost.
        after = signed_in(stack, ann)
        requests.post(f"{stack.gateway_url}/auth/logout", headers=after, timeout=30)
        assert status(stack, "/auth/me", before) == 401
        requests.post(f"{stack.gateway_url}/cookie/delete", headers=signed_in(stack, ann), timeout=30)

        refused = run("restore", state, str(archive))
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "is not empty; REPLACE=yes" in refused.stderr
        refused = run("restore", state, str(archive), "yes")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "another local stack is running" in refused.stderr
        assert status(stack, "/health", {}) == 200

    done = run("restore", state, str(archive), "yes")

    assert (done.returncode, done.stderr) == (0, "")
    assert "inconsistencies: 0\n" in done.stdout
    [former] = [one for one in state.iterdir() if one.name.startswith("before-")]
    assert f"what was there is in {former}" in done.stdout
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    with LocalStack(settings, environment=dict(os.environ)) as stack:
        # There is an administrator already.
        assert stack.first_admin is None
        # Revoked after the backup, which the restored database does not know.
        assert (status(stack, "/auth/me", before), status(stack, "/auth/me", after)) == (401, 401)
        bearer = signed_in(stack, ann)
        current = requests.get(f"{stack.gateway_url}/cookie/current", headers=bearer, timeout=30)
        assert current.json()["token"] == cookie["token"]
        # The exported folder is made again, with the key from the backup.
        exported = stack.static_directory / "cookies" / cookie["token"] / "cookie.json"
        wait_until(exported.exists, "the cookie is exported")


@pytest.mark.long
def test_a_damaged_backup_replaces_nothing(tmp_path: Path) -> None:
    settings = LocalSettings.side_by_side(tmp_path / "state")
    with LocalStack(settings, environment=dict(os.environ)):
        pass
    secrets = (tmp_path / "state" / "secrets.json").read_bytes()
    # Of a stack that is stopped.
    archive = backup.back_up(settings, tmp_path / "backups", utc_now())
    content = bytearray(archive.read_bytes())
    at = content.index(b"base.tar.gz") + 200_000
    content[at : at + 100] = bytes(100)
    archive.write_bytes(content)
    with pytest.raises(LocalStackError):
        restore.restore(settings, archive, utc_now(), replaces=True)
    assert (tmp_path / "state" / "secrets.json").read_bytes() == secrets
    assert not [one for one in (tmp_path / "state").iterdir() if one.name.startswith(("before", "restoring"))]
