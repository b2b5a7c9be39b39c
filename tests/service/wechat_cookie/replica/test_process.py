"""The program itself, as operators start it: what stops it, what it logs, and how keys are changed."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import update

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as pb_grpc
from services.chassis.channels import channel
from services.chassis.vault import UnreadableSecretError, Vault
from services.wechat_cookie.cookies.tables import cookies
from tests.service.wechat_cookie.api.conftest import refusal
from tests.service.wechat_cookie.replica.conftest import IdentityReplica, Surroundings
from tests.service.wechat_cookie.store import SECRET
from tests.support.waiting import wait_until

PROGRAM = [sys.executable, "-m", "services.wechat_cookie"]
TOKEN = "987654321"


def environment(surroundings: Surroundings, **others: str) -> dict[str, str]:
    tls = surroundings.certificates["wechat_cookie"]
    return {
        "PATH": os.environ["PATH"],
        "WECHAT_COOKIE_DATABASE_URL": surroundings.database_url,
        "COOKIE_KEYS": surroundings.key,
        "FASTMP_STATE_DIR": str(surroundings.state),
        "TLS_CA_FILE": str(tls.ca_file),
        "TLS_CERTIFICATE_FILE": str(tls.certificate_file),
        "TLS_KEY_FILE": str(tls.key_file),
        "AUDIT_KEY": "test-only-audit-key-5f2c9e71b8d04a36",
        "WECHAT_COOKIE_PORT": "0",
        "WECHAT_COOKIE_OPS_PORT": "0",
        "WECHAT_COOKIE_METRICS_PORT": "0",
        "WECHAT_BASE_URL": "http://127.0.0.1:9",
        "WECHAT_PROXY": "",
        "LOG_LEVEL": "debug",
        "DRAIN_SECONDS": "0",
        **others,
    }


def run(surroundings: Surroundings, *arguments: str, **others: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        env=environment(surroundings, **others),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def serving(surroundings: Surroundings, log: Path, **others: str) -> Iterator[int]:
    """The running program's port; it has ended by itself after SIGTERM when the block is left."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            PROGRAM, env=environment(surroundings, **others), stdout=out, stderr=subprocess.STDOUT
        )
    try:
        found: list[re.Match[str] | None] = []

        def has_started() -> bool:
            assert process.poll() is None, log.read_text()
            found.append(re.search(r'"port": (\d+)', log.read_text()))
            return found[-1] is not None

        wait_until(has_started, "the program says that it has started", 30)
        assert found[-1] is not None
        yield int(found[-1].group(1))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("keys", ["", "changeme", "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE="])
def test_weak_or_missing_keys_stop_the_start_and_are_named(surroundings: Surroundings, keys: str) -> None:
    ended = run(surroundings, COOKIE_KEYS=keys)
    assert ended.returncode == 2
    assert ended.stderr.startswith("bad setting COOKIE_KEYS: ")
    assert ended.stderr.count("\n") == 1
    assert not keys or keys not in ended.stderr
    assert not surroundings.root.exists()


def test_no_value_of_a_cookie_reaches_the_log(
    surroundings: Surroundings, identity: IdentityReplica, tmp_path: Path
) -> None:
    ann, log = identity.active_account("ann"), tmp_path / "wechat_cookie.log"
    surroundings.save(ann, TOKEN)
    with serving(surroundings, log, IDENTITY_ADDRESS=identity.address) as port:
        connection = channel(f"127.0.0.1:{port}", "wechat_cookie", surroundings.certificates["collector"])
        stub = pb_grpc.WeChatCookieServiceStub(connection)
        wait_until((surroundings.root / TOKEN / "cookie.json").exists, "the folder appears")
        assert SECRET in stub.AcquireCookie(pb.AcquireCookieRequest(owner_id=ann.id)).cookie_header
        stub.ListCookies(pb.ListCookiesRequest(), metadata=ann.bearer)
        with surroundings.database.transaction() as tampered:
            # Readable with the key, and not what was stored: the fault is logged with its traceback.
            jar = Vault([surroundings.key]).encrypt(f'[{{"value": "{SECRET}"}}]'.encode())
            tampered.execute(update(cookies).values(jar=jar, revision=1))
        with pytest.raises(grpc.RpcError) as refused:
            stub.AcquireCookie(pb.AcquireCookieRequest(owner_id=ann.id))
        assert refusal(refused.value)[1] == "INTERNAL"
        with pytest.raises(grpc.RpcError):
            stub.DeleteCookie(pb.DeleteCookieRequest(token="../" + SECRET), metadata=ann.bearer)
        stub.DeleteCookie(pb.DeleteCookieRequest(token=TOKEN), metadata=ann.bearer)
        connection.close()
    logged = log.read_text()
    assert "Traceback" in logged
    assert '"stopped"' in logged
    for secret in (SECRET, "canary-ticket", TOKEN, surroundings.key, ann.token, surroundings.database_url):
        assert secret not in logged


def test_keys_are_changed_by_a_command(surroundings: Surroundings, identity: IdentityReplica) -> None:
    new = Fernet.generate_key().decode()
    surroundings.save(identity.admin, TOKEN)
    done = run(surroundings, "rotate-cookie-keys", COOKIE_KEYS=f"{new},{surroundings.key}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"changed": 1' in done.stdout
    with surroundings.database.reading() as connection:
        jar = connection.execute(cookies.select()).one().jar
    assert Vault([new]).decrypt(jar)
    with pytest.raises(UnreadableSecretError):
        Vault([surroundings.key]).decrypt(jar)
    lost = run(surroundings, "rotate-cookie-keys", COOKIE_KEYS=Fernet.generate_key().decode())
    assert lost.returncode == 1
    assert '"unreadable": 1' in lost.stdout
