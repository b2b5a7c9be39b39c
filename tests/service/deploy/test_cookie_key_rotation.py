"""`make rotate-cookie-keys`: a new key for everything, while the stack runs and while it does not."""

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.fernet import Fernet, InvalidToken

from deploy.local.certificates import tls_files
from deploy.local.kept_secrets import read_kept
from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as pb_grpc
from services.chassis.channels import channel
from services.chassis.mutual_tls import TlsFiles
from tests.proofs.crashes.belongings import log_in, qr_text, rows
from tests.service.deploy.test_lifecycle import environment, running
from tests.support.gateway_calls import GatewayCaller
from tests.support.ready_accounts import ReadyAccount, ReadyAccounts
from tests.support.waiting import wait_until

JARS = "SELECT jar FROM cookies UNION ALL SELECT cookies FROM logins WHERE cookies IS NOT NULL"


def keys_in(state: Path) -> str:
    return read_kept(state / "secrets.json").cookie_keys


def command(state: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.local.rotate_cookie_keys"],
        env=environment(state, **variables),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def acquired(address: str, tls: TlsFiles, owner: ReadyAccount) -> str:
    """The newest cookie of the owner, as an internal program gets it."""
    with channel(address, "wechat_cookie", tls) as connection:
        stub = pb_grpc.WeChatCookieServiceStub(connection)
        answer = stub.AcquireCookie(pb.AcquireCookieRequest(owner_id=owner.id), timeout=10)
    return answer.cookie_header


@pytest.fixture
def secret() -> str:
    return secrets.token_urlsafe(48)


@pytest.mark.timeout(300)
def test_keys_change_in_a_running_stack_in_a_stopped_one_and_by_its_supervisor(
    tmp_path: Path, secret: str
) -> None:
    state = tmp_path / "state"
    settings = LocalSettings.side_by_side(state, jwt_secret=secret)
    hasty = {**os.environ, "DRAIN_SECONDS": "0"}
    with LocalStack(settings, replicas={"wechat_cookie": 2}, wechat_emulator=(), environment=hasty) as stack:
        owner, header = rotated_with_a_login_under_way(stack, secret)
    first = keys_in(state)

    refused = command(state, COOKIE_KEYS=Fernet.generate_key().decode())
    assert (refused.returncode, "COOKIE_KEYS is set" in refused.stderr) == (1, True)
    assert keys_in(state) == first
    stopped = command(state)
    assert (stopped.returncode, stopped.stderr) == (0, "")
    second = keys_in(state)
    assert first not in second

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables: Mapping[str, str] = {"JWT_SECRET": secret, "WECHAT_COOKIE_PORT": str(port)}
    with running(environment(state, **variables)):
        asked = command(state)
        assert (asked.returncode, asked.stderr) == (0, "")
        assert second not in keys_in(state)
        tls = tls_files(state / "certificates", "collector")
        assert acquired(f"127.0.0.1:{port}", tls, owner) == header
    assert (state / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert not any(key in asked.stdout + stopped.stdout for key in (first, second, keys_in(state)))


def rotated_with_a_login_under_way(stack: LocalStack, secret: str) -> tuple[ReadyAccount, str]:
    """Has a cookie and a login re-encrypted online; gives their owner and what the newest cookie hands out."""
    emulator = stack.wechat_emulator
    assert emulator is not None
    before = keys_in(stack.state_directory)
    [owner] = ReadyAccounts(stack.database_url("identity"), secret, secrets.token_urlsafe(16)).make(1)
    with EmulatorControl(emulator.base_url, emulator.control_token, str(emulator.ca_file)) as phone:
        rows(stack, "identity", "UPDATE accounts SET activation_status = 'active' WHERE id = %s", owner.id)
        with GatewayCaller(stack.gateway_url, owner.token) as caller:
            log_in(caller, phone)
            begun = caller.get("/cookie/get").body
            phone.scan(qr_text(begun["qrcode_base64"]))

            stack.rotate_cookie_keys()

            after = keys_in(stack.state_directory)
            assert before not in after
            jars = [bytes(jar) for (jar,) in rows(stack, "wechat_cookie", JARS)]
            assert len(jars) >= 2
            for jar in jars:
                Fernet(after).decrypt(jar)
                with pytest.raises(InvalidToken):
                    Fernet(before).decrypt(jar)
            # The login that was scanned before goes on.
            phone.confirm(qr_text(begun["qrcode_base64"]))
            key = str(begun["login_key"])
            wait_until(
                lambda: caller.get("/cookie/poll", login_key=key).body.get("status") == "success",
                "the login has succeeded",
                30,
            )
    address = stack.addresses("wechat_cookie")[1]
    return owner, acquired(address, stack.tls_files("collector"), owner)


def test_where_no_stack_ever_ran_there_is_nothing_to_change(tmp_path: Path) -> None:
    missing = command(tmp_path / "state")
    assert missing.returncode == 1
    assert "holds no stack" in missing.stderr
    assert not (tmp_path / "state").exists()
