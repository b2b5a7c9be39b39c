"""A whole replica beside a real Identity: who is active, and what the deletion of an account takes with it."""

import socket
import threading
import time
import uuid
from collections.abc import Mapping

import grpc
import pytest
from sqlalchemy import func, select

from fastmp.identity.v1 import identity_service_pb2 as identity_pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from services.chassis.mutual_tls import TlsFiles
from services.chassis.postgres import migrations
from services.wechat_cookie.composition import PACKAGE
from services.wechat_cookie.cookies.tables import cookies, feed_cursor
from services.wechat_cookie.logins.store.tables import logins
from tests.service.identity import replicas
from tests.service.identity.replicas import Account
from tests.service.wechat_cookie.api.conftest import refusal
from tests.service.wechat_cookie.replica.conftest import IdentityReplica, Surroundings
from tests.service.wechat_cookie.store import SECRET
from tests.support.postgres import FreshDatabase
from tests.support.waiting import wait_until

NO_IDENTITY = "127.0.0.1:9"


def cookies_of(surroundings: Surroundings, account: Account) -> int:
    counted = select(func.count()).where(cookies.c.owner_id == uuid.UUID(account.id))
    with surroundings.database.reading() as connection:
        return int(connection.execute(counted).scalar_one())


def test_a_saved_cookie_is_exported_listed_and_handed_out(
    surroundings: Surroundings, identity: IdentityReplica
) -> None:
    ann = identity.active_account("ann")
    replica = surroundings.start(identity.address)
    surroundings.save(ann, "1001")
    wait_until((surroundings.root / "1001" / "cookie.json").exists, "the folder appears")
    listed = surroundings.stub(replica, "gateway").ListCookies(pb.ListCookiesRequest(), metadata=ann.bearer)
    assert [one.token for one in listed.items] == ["1001"]
    collector = surroundings.stub(replica, "collector")
    acquired = collector.AcquireCookie(pb.AcquireCookieRequest(owner_email="ANN@example.com"))
    assert SECRET in acquired.cookie_header
    identity.update(ann, activation_status="revoked")
    with pytest.raises(grpc.RpcError) as refused:
        collector.AcquireCookie(pb.AcquireCookieRequest(owner_id=ann.id))
    assert refusal(refused.value)[1] == "OWNER_NOT_ACTIVE"


def test_two_accounts_that_lower_would_take_for_one_are_told_apart_by_identity(
    surroundings: Surroundings, identity: IdentityReplica
) -> None:
    # PostgreSQL's lower() makes one of these two, Identity's rule keeps them apart.
    dotless, dotted = identity.active_account("mari"), identity.active_account("marİ")
    replica = surroundings.start(identity.address)
    surroundings.save(dotless, "1001")
    surroundings.save(dotted, "2002")
    collector = surroundings.stub(replica, "collector")
    for email, token in ((dotless.email, "1001"), (dotted.email, "2002"), ("MARI@example.com", "1001")):
        acquired = collector.AcquireCookie(pb.AcquireCookieRequest(owner_email=email))
        assert acquired.cookie.token == token, email


def test_a_deleted_accounts_cookies_and_folders_go_and_nobody_elses(
    surroundings: Surroundings, identity: IdentityReplica
) -> None:
    ann, bob = identity.active_account("ann"), identity.active_account("bob")
    surroundings.start(identity.address)
    for account, token in ((ann, "1001"), (ann, "1002"), (bob, "2001")):
        surroundings.save(account, token)
    wait_until((surroundings.root / "2001").exists, "folders are there")
    identity.delete(ann)
    wait_until(lambda: cookies_of(surroundings, ann) == 0, "the rows are gone")
    wait_until(lambda: not (surroundings.root / "1001").exists(), "the folder is gone")
    wait_until(lambda: not (surroundings.root / "1002").exists(), "the other folder is gone")
    assert cookies_of(surroundings, bob) == 1
    assert (surroundings.root / "2001").exists()


def test_a_deletion_while_the_service_was_down_is_made_up_for(
    surroundings: Surroundings, identity: IdentityReplica
) -> None:
    ann = identity.active_account("ann")
    surroundings.save(ann, "1001")
    replica = surroundings.start(identity.address)
    wait_until((surroundings.root / "1001").exists, "the folder appears")
    replica.lifecycle.stop(0)
    identity.delete(ann)
    surroundings.start(identity.address)
    wait_until(lambda: cookies_of(surroundings, ann) == 0, "the row is gone")
    wait_until(lambda: not (surroundings.root / "1001").exists(), "the folder is gone")


def test_a_replica_that_started_before_the_migrations_follows_deletions_afterwards(
    surroundings: Surroundings, identity: IdentityReplica
) -> None:
    ann = identity.active_account("ann")
    migrations.downgrade(surroundings.database_url, PACKAGE, "base")
    replica = surroundings.start(identity.address)
    assert not replica.is_ready()
    migrations.upgrade(surroundings.database_url, PACKAGE)
    surroundings.save(ann, "1001")
    wait_until((surroundings.root / "1001").exists, "the folder appears")
    identity.delete(ann)
    wait_until(lambda: cookies_of(surroundings, ann) == 0, "the row is gone")
    wait_until(lambda: not (surroundings.root / "1001").exists(), "the folder is gone")


def test_two_replicas_do_one_deletion_once_and_both_folders_follow(
    surroundings: Surroundings, identity: IdentityReplica
) -> None:
    ann = identity.active_account("ann")
    other_state = surroundings.state.parent / "other-state"
    surroundings.start(identity.address)
    surroundings.start(identity.address, fastmp_state_dir=other_state)
    surroundings.save(ann, "1001")
    roots = (surroundings.root, other_state / "static" / "cookies")
    wait_until(lambda: all((root / "1001").exists() for root in roots), "both have the folder")
    identity.delete(ann)
    wait_until(lambda: not any((root / "1001").exists() for root in roots), "neither has it")
    with surroundings.database.reading() as connection:
        assert connection.execute(select(feed_cursor.c.sequence)).scalar_one() > 0


def test_a_running_login_of_a_deleted_account_ends(
    surroundings: Surroundings, identity: IdentityReplica
) -> None:
    ann = identity.active_account("ann")
    # WeChat's port is closed, so the login stays at its first stage for some seconds.
    replica = surroundings.start(identity.address)
    stream = surroundings.stub(replica, "gateway").StartLogin(pb.StartLoginRequest(), metadata=ann.bearer)
    next(iter(stream))
    identity.delete(ann)

    def reason() -> str | None:
        with surroundings.database.reading() as connection:
            found: str | None = connection.execute(select(logins.c.reason)).scalar_one()
            return found

    wait_until(lambda: reason() == "ACCESS_ENDED", "the login has ended, and says why")
    stream.cancel()


@pytest.mark.parametrize("end", ["logout", "revocation", "expiry"])
def test_a_stream_ends_within_a_second_of_the_end_of_access(
    surroundings: Surroundings, identity: IdentityReplica, end: str
) -> None:
    ann = identity.active_account("ann")
    replica = surroundings.start(identity.address)
    wait_until(replica.is_ready, "the feed is followed")
    stream = surroundings.stub(replica, "gateway").StartLogin(pb.StartLoginRequest(), metadata=ann.bearer)
    next(iter(stream))
    if end == "logout":
        identity.callers.gateway.Logout(identity_pb.LogoutRequest(), metadata=ann.bearer)
    else:
        identity.update(ann, activation_status="revoked" if end == "revocation" else "expired")
    changed = time.monotonic()
    last = list(stream)[-1]
    assert time.monotonic() - changed < 1
    assert last.failure.reason == "ACCESS_ENDED"
    with surroundings.database.reading() as connection:
        assert connection.execute(select(logins.c.reason)).scalar_one() == "ACCESS_ENDED"


def test_the_first_call_to_a_ready_replica_is_answered_although_identity_came_later(
    surroundings: Surroundings, fresh_database: FreshDatabase, certificates: Mapping[str, TlsFiles]
) -> None:
    url, clock = fresh_database("identity"), replicas.Clock()
    with replicas.running(url, certificates, clock) as (former, callers):
        ann = replicas.sign_up(callers, "ann@example.com")
        port = former.server.port
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(20)
        replica = surroundings.start(f"127.0.0.1:{port}")
        # Before each attempt to connect gRPC waits longer than before the one before.
        for _ in range(5):
            server.accept()[0].close()
    stub = surroundings.stub(replica, "gateway")
    with replicas.running(url, certificates, clock, identity_port=port) as (identity, _):
        wait_until(identity.feed.beat, "Identity works")
        wait_until(replica.is_ready, "the replica is ready")
        with pytest.raises(grpc.RpcError) as refused:
            stub.ListCookies(pb.ListCookiesRequest(), metadata=ann.bearer, timeout=5)
    # Identity answered that ann has no access.
    assert refusal(refused.value)[0] == "PERMISSION_DENIED"


def test_it_waits_a_while_for_identity_and_then_is_ready_without_and_answers_unavailable(
    surroundings: Surroundings,
) -> None:
    replica = surroundings.start(NO_IDENTITY)
    assert not replica.is_ready()
    wait_until(replica.is_ready, "the replica is ready")
    with pytest.raises(grpc.RpcError) as refused:
        surroundings.stub(replica, "gateway").ListCookies(
            pb.ListCookiesRequest(), metadata=(("authorization", "Bearer x"),), timeout=5
        )
    assert refusal(refused.value)[:2] == ("UNAVAILABLE", "IDENTITY_UNAVAILABLE")


def test_a_ready_replica_stays_so_when_identity_goes(
    surroundings: Surroundings, identity: IdentityReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.chassis.identity.feed_follower.FIRST_WAIT_SECONDS", 600.0)
    replica = surroundings.start(identity.address)
    wait_until(replica.is_ready, "the replica is ready")
    identity.identity.lifecycle.stop(0)
    with pytest.raises(grpc.RpcError) as refused:
        surroundings.stub(replica, "gateway").ListCookies(
            pb.ListCookiesRequest(), metadata=identity.admin.bearer, timeout=5
        )
    assert refusal(refused.value)[:2] == ("UNAVAILABLE", "IDENTITY_UNAVAILABLE")
    assert replica.is_ready()


def test_it_is_not_ready_while_its_database_is_away_or_not_migrated(
    surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.chassis.identity.feed_follower.FIRST_WAIT_SECONDS", 0.0)
    away = surroundings.start(
        NO_IDENTITY, wechat_cookie_database_url="postgresql://nobody:x@127.0.0.1:9/nothing"
    )
    assert not away.is_ready()
    replica = surroundings.start(NO_IDENTITY)
    assert replica.is_ready()
    migrations.downgrade(surroundings.database_url, PACKAGE, "base")
    assert not replica.is_ready()
    migrations.upgrade(surroundings.database_url, PACKAGE)
    assert replica.is_ready()


def test_stopping_leaves_no_thread_behind(surroundings: Surroundings, identity: IdentityReplica) -> None:
    before = set(threading.enumerate())
    replica = surroundings.start(identity.address)
    surroundings.save(identity.admin, "1001")
    wait_until((surroundings.root / "1001").exists, "it works")
    replica.lifecycle.stop(0)
    left = [thread.name for thread in set(threading.enumerate()) - before if thread.is_alive()]
    assert left == []
