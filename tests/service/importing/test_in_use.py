"""What was imported works in running services, and another import changes nothing of what happened since."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import bcrypt
import pytest

from fastmp.activation.v1 import activation_service_pb2 as activation_pb
from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.audit.recording import AuditLog
from services.chassis.clock import utc_now
from services.chassis.mutual_tls import TlsFiles
from services.chassis.throttling.attempts import Attempts
from services.wechat_cookie.audit_tables import audit
from services.wechat_cookie.cookies.own_cookies import WINDOW, OwnCookies
from services.wechat_cookie.logins.store.tables import login_starts
from tests.service.activation.replicas import Replica
from tests.service.activation.replicas import running as running_activation
from tests.service.identity.replicas import Account, Callers, Clock, sign_in
from tests.service.identity.replicas import running as running_identity
from tests.service.importing.conftest import Importing, NewFastMP
from tests.service.importing.test_left_out import reasons
from tests.support.audit_key import AUDIT_KEY
from tests.support.old_fastmp import PASSWORD, OldFastMP

# More than the source's, so that its hashes are upgraded; fewer than the product's, for speed.
ROUNDS = 30_000


@dataclass(frozen=True)
class Running:
    """Identity and Activation on the imported databases."""

    identity: Callers
    activation: Replica

    def sign_in(self, row: Mapping[str, str]) -> Account:
        return sign_in(self.identity, row["id"], row["email"], PASSWORD)

    def activate(self, account: Account, code: dict[str, Any]) -> activation_pb.ActivateResponse:
        request = activation_pb.ActivateRequest(activation_code=code["activation_code"])
        return self.activation.stub.Activate(request, metadata=account.bearer)

    def delete(self, admin: Account, code: dict[str, Any]) -> None:
        request = activation_pb.DeleteCodeRequest(activation_code=code["activation_code"])
        self.activation.stub.DeleteCode(request, metadata=admin.bearer)

    def account(self, signed_in: Account) -> pb.Account:
        return self.identity.gateway.GetMe(pb.GetMeRequest(), metadata=signed_in.bearer)


@pytest.fixture
def running(
    new: NewFastMP, certificates: Mapping[str, TlsFiles], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Running]:
    monkeypatch.setattr("services.identity.passwords.hashes.ROUNDS", ROUNDS)
    clock = Clock()
    with ExitStack() as held:
        replica, callers = held.enter_context(running_identity(new.urls["identity"], certificates, clock))
        address = f"127.0.0.1:{replica.server.port}"
        other = held.enter_context(running_activation(new.urls["activation"], certificates, address, clock))
        yield Running(callers, other)


def test_old_hashes_sign_in_and_are_upgraded(
    new: NewFastMP, old: OldFastMP, importing: Importing, running: Running
) -> None:
    of_bcrypt = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    rows = [old.account(), old.account(password_hash=of_bcrypt)]
    assert rows[0]["password_hash"].startswith("$pbkdf2-sha256$29000$")
    old.write(accounts=rows)
    importing(old)
    for row in rows:
        running.sign_in(row)
    hashes = new.rows("identity", "SELECT password_hash FROM accounts")
    assert [str(row[0]).split("$")[:3] for row in hashes] == [["", "pbkdf2-sha256", str(ROUNDS)]] * 2
    for row in rows:
        running.sign_in(row)


def test_a_redeemed_code_is_known_as_applied_and_its_deletion_resets_the_account(
    old: OldFastMP, importing: Importing, running: Running
) -> None:
    earlier, carried = old.redeemed("ann@example.com", 20), old.redeemed("ann@example.com", 10)
    ann, admin = old.activated(carried), old.account(role="admin", activation_status="active")
    unused = old.code()
    old.write(accounts=[ann, admin], codes=[earlier, carried, unused])
    importing(old)
    person, boss = running.sign_in(ann), running.sign_in(admin)
    before = running.account(person)
    assert before.activation_status == "active"

    # A repeat gives the first answer, and applies nothing.
    for code in (carried, earlier):
        answer = running.activate(person, code)
        assert answer.expired_time.ToDatetime().isoformat() == code["expiry_date"]
    assert running.account(person) == before

    # Only the code that the account carries gives it its access.
    running.delete(boss, earlier)
    assert running.account(person) == before
    running.delete(boss, carried)
    reset = running.account(person)
    assert (reset.activation_status, reset.HasField("expired_time")) == ("pending", False)

    # Neither comes back, and one that was not redeemed can be.
    lines = importing(old)
    assert reasons(lines, "activation_codes") == {
        earlier["id"]: "DELETED_SINCE",
        carried["id"]: "DELETED_SINCE",
    }
    running.activate(person, unused)
    assert running.account(person).activation_status == "active"


def test_what_changed_or_was_deleted_since_stays_so(
    new: NewFastMP, old: OldFastMP, importing: Importing, running: Running
) -> None:
    admin, changed, deleted = old.account(role="admin"), old.account(), old.account()
    revoked, late = old.code(), old.redeemed(changed["email"])
    old.write(accounts=[admin, changed, deleted], codes=[revoked])
    importing(old)
    boss = running.sign_in(admin)
    update = pb.UpdateUserRequest(user_id=changed["id"], activation_status="revoked")
    running.identity.gateway.UpdateUser(update, metadata=boss.bearer)
    gone = pb.DeleteUserRequest(user_id=deleted["id"])
    running.identity.gateway.DeleteUser(gone, metadata=boss.bearer)
    revoke = activation_pb.RevokeCodeRequest(activation_code=revoked["activation_code"])
    running.activation.stub.RevokeCode(revoke, metadata=boss.bearer)

    old.write(accounts=[new_one := old.account()], codes=[late])
    lines = importing(old)
    assert reasons(lines, "accounts") == {deleted["id"]: "DELETED_SINCE"}
    assert reasons(lines, "activation_codes") == {late["id"]: "REDEEMED_AFTER_IMPORT"}
    statuses = new.rows("identity", "SELECT id::text, activation_status FROM accounts")
    assert set(statuses) == {
        (admin["id"], "pending"),
        (changed["id"], "revoked"),
        (new_one["id"], "pending"),
    }
    codes = new.rows("activation", "SELECT id::text, activation_status FROM activation_codes")
    assert codes == [(revoked["id"], "revoked")]


def test_a_cookie_that_was_deleted_since_stays_so(
    new: NewFastMP, old: OldFastMP, importing: Importing
) -> None:
    ann = old.account()
    deleted, kept = old.cookie(ann["email"], 4), old.cookie(ann["email"], 5, is_current=False)
    for cookie in (deleted, kept):
        old.folder(cookie)
    old.write(accounts=[ann], cookies=[deleted, kept])
    importing(old)
    database = new.databases["wechat_cookie"]
    log = AuditLog(audit, AUDIT_KEY, utc_now)
    limit = Attempts(database, login_starts, WINDOW, utc_now)
    owner = uuid.UUID(ann["id"])
    OwnCookies(database, log, limit, 60, utc_now).delete(owner, deleted["token"])
    assert reasons(importing(old), "cookies") == {deleted["id"]: "DELETED_SINCE"}
    rows = new.rows("wechat_cookie", "SELECT id::text, is_current FROM cookies")
    assert rows == [(kept["id"], True)]
