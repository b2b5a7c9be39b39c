"""`python -m services.identity`: migrate, ensure-admin and serve, as processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import grpc
import pyotp
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, update

from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.errors import reason_of
from services.chassis.mutual_tls import TlsFiles
from services.chassis.postgres.database import Database
from services.identity.passwords.hashes import verify_password
from services.identity.tables import accounts, audit, recovery_codes
from tests.service.identity.conftest import Replica
from tests.service.identity.replicas import (
    ADMIN_EMAIL,
    ADMIN_PASSWORD,
    SECRET,
    Account,
    refusal,
    sign_in,
    sign_up,
)
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[3]


@pytest.fixture
def environment(database_url: str, certificates: Mapping[str, TlsFiles]) -> dict[str, str]:
    files = certificates["identity"]
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'gen'}",
        "IDENTITY_DATABASE_URL": database_url,
        "IDENTITY_PORT": "0",
        "IDENTITY_OPS_PORT": "0",
        "IDENTITY_METRICS_PORT": "0",
        "TLS_CA_FILE": str(files.ca_file),
        "TLS_CERTIFICATE_FILE": str(files.certificate_file),
        "TLS_KEY_FILE": str(files.key_file),
        "AUDIT_KEY": "test-only-audit-key-5f2c9e71b8d04a36",
        "JWT_SECRET": SECRET,
        "DRAIN_SECONDS": "0",
    }


def run(environment: Mapping[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "services.identity", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_first_admin_is_made_once_and_never_changed(
    environment: dict[str, str], database: Database
) -> None:
    admin = {"ADMIN_EMAIL": ADMIN_EMAIL, "ADMIN_PASSWORD": ADMIN_PASSWORD}
    first = run(environment | admin, "ensure-admin")
    assert (first.returncode, first.stdout, first.stderr) == (0, "created\n", "")
    admin = {"ADMIN_EMAIL": ADMIN_EMAIL.upper(), "ADMIN_PASSWORD": "another one"}
    second = run(environment | admin, "ensure-admin")
    assert (second.returncode, second.stdout, second.stderr) == (0, "exists\n", "")
    with database.reading() as connection:
        row = connection.execute(select(accounts)).one()
    assert (row.email, row.role) == (ADMIN_EMAIL, "admin")
    assert verify_password(ADMIN_PASSWORD, row.password_hash)


def test_a_deleted_first_admin_does_not_come_back(environment: dict[str, str], database: Database) -> None:
    admin = {"ADMIN_EMAIL": ADMIN_EMAIL, "ADMIN_PASSWORD": ADMIN_PASSWORD}
    assert run(environment | admin, "ensure-admin").stdout == "created\n"
    with database.transaction() as connection:
        connection.execute(update(accounts).values(email="new@example.com", email_key="new@example.com"))
    again = run(environment | admin, "ensure-admin")
    assert (again.returncode, again.stdout, again.stderr) == (0, "exists\n", "")
    with database.reading() as connection:
        assert connection.execute(select(accounts.c.email)).scalars().all() == ["new@example.com"]
        connection.execute(update(accounts).values(role="user"))
    assert run(environment | admin, "ensure-admin").stdout == "created\n"


def test_an_account_that_is_no_admin_is_not_made_one(environment: dict[str, str], database: Database) -> None:
    admin = {"ADMIN_EMAIL": ADMIN_EMAIL, "ADMIN_PASSWORD": ADMIN_PASSWORD}
    run(environment | admin, "ensure-admin")
    with database.transaction() as connection:
        connection.execute(update(accounts).values(role="user"))
    outcome = run(environment | admin, "ensure-admin")
    assert (outcome.returncode, outcome.stdout) == (0, "exists\n")
    assert outcome.stderr == "ensure-admin: the account of ADMIN_EMAIL exists and is not an admin\n"


def test_a_lost_password_is_reset_once_and_recorded(
    environment: dict[str, str], database: Database, replica: Replica, admin: Account
) -> None:
    reset = run(environment, "reset-password", ADMIN_EMAIL.upper())
    assert (reset.returncode, reset.stderr) == (0, "")
    password = reset.stdout.removesuffix("\n")
    assert len(password) == 24

    def is_ended() -> bool:
        try:
            replica.callers.gateway.GetMe(pb.GetMeRequest(), metadata=admin.bearer)
        except grpc.RpcError as error:
            return reason_of(error) == "TOKEN_REVOKED"
        return False

    wait_until(is_ended)
    assert refusal(lambda: sign_in(replica.callers, admin.id, ADMIN_EMAIL, ADMIN_PASSWORD))[1] == (
        "WRONG_CREDENTIALS"
    )
    sign_in(replica.callers, admin.id, ADMIN_EMAIL, password)
    with database.reading() as connection:
        entries = connection.execute(
            select(audit.log.c.target, audit.log.c.details).where(audit.log.c.action == "password_reset")
        ).all()
    assert [tuple(entry) for entry in entries] == [(admin.id, {"password": "new"})]


def test_no_account_no_reset(environment: dict[str, str]) -> None:
    outcome = run(environment, "reset-password", "unknown@example.com")
    assert (outcome.returncode, outcome.stdout) == (1, "")
    assert outcome.stderr == "reset-password: ACCOUNT_NOT_FOUND\n"
    assert run(environment, "reset-password").returncode == 2


def test_a_lost_second_factor_is_removed_and_recorded(
    environment: dict[str, str], database: Database, start_replica: Callable[..., Replica]
) -> None:
    key, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    replica = start_replica(totp_keys=key)
    stub = replica.callers.gateway
    admin = sign_up(replica.callers, ADMIN_EMAIL, ADMIN_PASSWORD)
    secret = stub.EnrollTotp(pb.EnrollTotpRequest(), metadata=admin.bearer).secret
    confirm = pb.ConfirmTotpRequest(totp=pyotp.TOTP(secret).now())
    stub.ConfirmTotp(confirm, metadata=admin.bearer)

    rotated = run(environment | {"TOTP_KEYS": f"{new},{key}"}, "rotate-totp-keys")
    assert (rotated.returncode, rotated.stdout, rotated.stderr) == (0, "1\n", "")
    again = run(environment | {"TOTP_KEYS": f"{new},{key}"}, "rotate-totp-keys")
    assert (again.returncode, again.stdout) == (0, "0\n")
    with database.reading() as connection:
        stored = connection.execute(select(accounts.c.totp_secret)).scalar_one()
    assert Fernet(new).decrypt(stored) == secret.encode()
    assert run(environment | {"TOTP_KEYS": key}, "rotate-totp-keys").returncode == 1
    assert run(environment, "rotate-totp-keys").returncode == 2

    def signing_in() -> Account:
        return sign_in(replica.callers, admin.id, ADMIN_EMAIL, ADMIN_PASSWORD)

    assert refusal(signing_in)[1] == "SECOND_FACTOR_NEEDED"
    for expected in ("removed\n", "none\n"):
        removed = run(environment, "remove-second-factor", ADMIN_EMAIL.upper())
        assert (removed.returncode, removed.stdout, removed.stderr) == (0, expected, "")
    signing_in()
    with database.reading() as connection:
        assert connection.execute(select(recovery_codes)).all() == []
        recorded = select(audit.log.c.target).where(audit.log.c.action == "second_factor_removed")
        assert connection.execute(recorded).scalars().all() == [admin.id]
    unknown = run(environment, "remove-second-factor", "unknown@example.com")
    assert (unknown.returncode, unknown.stderr) == (1, "remove-second-factor: ACCOUNT_NOT_FOUND\n")


@pytest.mark.parametrize("missing", ["ADMIN_EMAIL", "ADMIN_PASSWORD"])
def test_an_admin_without_email_or_password_is_not_made(environment: dict[str, str], missing: str) -> None:
    admin = {"ADMIN_EMAIL": ADMIN_EMAIL, "ADMIN_PASSWORD": ADMIN_PASSWORD}
    del admin[missing]
    outcome = run(environment | admin, "ensure-admin")
    assert (outcome.returncode, outcome.stdout) == (2, "")
    assert outcome.stderr == f"bad setting {missing}: ensure-admin needs it\n"


def test_without_a_database_the_admin_is_not_made_and_one_line_says_why(environment: dict[str, str]) -> None:
    nowhere = {"IDENTITY_DATABASE_URL": "postgresql://identity:secret-pass@127.0.0.1:1/identity"}
    admin = {"ADMIN_EMAIL": ADMIN_EMAIL, "ADMIN_PASSWORD": ADMIN_PASSWORD}
    outcome = run(environment | admin | nowhere, "ensure-admin")
    assert (outcome.returncode, outcome.stderr) == (1, "ensure-admin: DATABASE_UNAVAILABLE\n")


def test_a_weak_secret_stops_the_start(environment: dict[str, str]) -> None:
    outcome = run(environment | {"JWT_SECRET": "changeme"}, "serve")
    assert outcome.returncode == 2
    assert outcome.stderr == "bad setting JWT_SECRET: must have at least 32 bytes\n"


def test_migrating_again_changes_nothing(environment: dict[str, str]) -> None:
    assert run(environment, "migrate").returncode == 0
    printed = run(environment, "migrate", "--sql")
    assert "CREATE TABLE accounts" in printed.stdout


def test_it_serves_until_it_is_told_to_stop(
    environment: dict[str, str], certificates: Mapping[str, TlsFiles]
) -> None:
    command = [sys.executable, "-m", "services.identity", "serve"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                if '"ready": true' in line:
                    break
            assert any('"event": "started"' in line for line in lines)
        finally:
            process.send_signal(signal.SIGTERM)
            rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert '"event": "stopped"' in rest
    assert SECRET not in "".join(lines) + rest
