"""The sessions of deleted cookies end at WeChat, whatever happens between the deletion and the logout."""

import random
import time
import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select, update

from deploy.wechat_emulator.running import RunningEmulator, running_emulator
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from services.chassis.vault import Vault
from services.wechat_cookie.composition import WeChatCookie
from services.wechat_cookie.cookies import changing, pending_logouts, saving
from services.wechat_cookie.cookies.logout_worker import LogoutWorker
from services.wechat_cookie.cookies.pending_logouts import MOST_ATTEMPTS
from services.wechat_cookie.cookies.tables import pending_logouts as rows
from services.wechat_cookie.mp import errors
from services.wechat_cookie.mp.client import MpClient
from services.wechat_cookie.mp.results import FinishedLogin
from services.wechat_cookie.mp.settings import MpSettings
from tests.service.identity.replicas import Account
from tests.service.wechat_cookie.mp.steps import confirmed_login
from tests.service.wechat_cookie.replica.conftest import NOWHERE, IdentityReplica, Surroundings, utc_now
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with running_emulator(tls=False, seed=1) as emulator:
        yield emulator


def client_of(base_url: str) -> MpClient:
    return MpClient(MpSettings(base_url=base_url), time.time, random.Random(1))


@pytest.fixture
def client(emulator: RunningEmulator) -> Iterator[MpClient]:
    with client_of(emulator.base_url) as client:
        yield client


def saved_login(
    surroundings: Surroundings, client: MpClient, emulator: RunningEmulator, owner_id: str
) -> FinishedLogin:
    """A session at the emulator whose cookie is saved for the owner."""
    login = client.finish_login(confirmed_login(client, emulator)[0])
    new = saving.NewCookie(
        uuid.uuid4(),
        login.token,
        uuid.UUID(owner_id),
        "ann@example.com",
        login.cookies.original_id,
        login.cookies,
        utc_now(),
    )
    with surroundings.database.transaction() as connection:
        saving.save(connection, Vault([surroundings.key]), new)
    return login


def delete_without_replica(surroundings: Surroundings, owner_id: str, token: str) -> None:
    with surroundings.database.transaction() as connection:
        changing.delete_cookie(connection, uuid.UUID(owner_id), token, utc_now())


def is_alive(client: MpClient, login: FinishedLogin) -> bool:
    try:
        client.fetch_profile(login.cookies, login.token)
    except errors.SessionInvalidError:
        return False
    return True


def pending(surroundings: Surroundings) -> int:
    with surroundings.database.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(rows)).scalar_one())


def make_due(surroundings: Surroundings) -> None:
    with surroundings.database.transaction() as connection:
        connection.execute(update(rows).values(due_time=func.now()))


def start(surroundings: Surroundings, identity: IdentityReplica, emulator: RunningEmulator) -> WeChatCookie:
    return surroundings.start(identity.address, wechat_base_url=emulator.base_url)


@pytest.fixture
def ann(identity: IdentityReplica) -> Account:
    return identity.active_account("ann")


def test_a_cookie_that_its_owner_deletes_is_logged_out(
    surroundings: Surroundings,
    identity: IdentityReplica,
    emulator: RunningEmulator,
    client: MpClient,
    ann: Account,
) -> None:
    replica = start(surroundings, identity, emulator)
    login = saved_login(surroundings, client, emulator, ann.id)
    assert is_alive(client, login)
    surroundings.stub(replica, "gateway").DeleteCookie(
        pb.DeleteCookieRequest(token=login.token), metadata=ann.bearer
    )
    wait_until(lambda: not is_alive(client, login), "the session is over at WeChat")
    wait_until(lambda: pending(surroundings) == 0, "nothing of it is kept")


def test_the_cookies_of_a_deleted_account_are_logged_out(
    surroundings: Surroundings,
    identity: IdentityReplica,
    emulator: RunningEmulator,
    client: MpClient,
    ann: Account,
) -> None:
    start(surroundings, identity, emulator)
    login = saved_login(surroundings, client, emulator, ann.id)
    identity.delete(ann)
    wait_until(lambda: not is_alive(client, login), "the session is over at WeChat")


def test_a_cookie_that_a_new_scan_replaces_is_not_logged_out(
    surroundings: Surroundings, emulator: RunningEmulator, client: MpClient
) -> None:
    owner = str(uuid.uuid4())
    former = saved_login(surroundings, client, emulator, owner)
    saved_login(surroundings, client, emulator, owner)
    assert pending(surroundings) == 0
    LogoutWorker(surroundings.database, Vault([surroundings.key]), client).run_due()
    assert is_alive(client, former)


def test_what_a_process_left_when_it_ended_is_done_by_the_next(
    surroundings: Surroundings, identity: IdentityReplica, emulator: RunningEmulator, client: MpClient
) -> None:
    # As a replica leaves it that ends right after the commit of the deletion.
    owner = str(uuid.uuid4())
    login = saved_login(surroundings, client, emulator, owner)
    delete_without_replica(surroundings, owner, login.token)
    assert is_alive(client, login)
    assert pending(surroundings) == 1
    start(surroundings, identity, emulator)
    wait_until(lambda: not is_alive(client, login), "the session is over at WeChat")
    wait_until(lambda: pending(surroundings) == 0, "nothing of it is kept")


def test_it_is_tried_again_when_wechat_was_down_and_dropped_after_the_last_attempt(
    surroundings: Surroundings, emulator: RunningEmulator, client: MpClient
) -> None:
    owner, vault = str(uuid.uuid4()), Vault([surroundings.key])
    login = saved_login(surroundings, client, emulator, owner)
    delete_without_replica(surroundings, owner, login.token)
    with client_of(NOWHERE) as nowhere:
        down = LogoutWorker(surroundings.database, vault, nowhere)
        down.run_due()
        assert pending(surroundings) == 1
        # Not due yet.
        LogoutWorker(surroundings.database, vault, client).run_due()
        assert is_alive(client, login)
        make_due(surroundings)
        LogoutWorker(surroundings.database, vault, client).run_due()
        assert not is_alive(client, login)
        assert pending(surroundings) == 0
        other = saved_login(surroundings, client, emulator, owner)
        delete_without_replica(surroundings, owner, other.token)
        for attempt in range(1, MOST_ATTEMPTS + 1):
            make_due(surroundings)
            down.run_due()
            assert pending(surroundings) == (attempt < MOST_ATTEMPTS)


def test_a_replica_that_ends_during_the_last_attempt_leaves_nothing(
    surroundings: Surroundings, emulator: RunningEmulator, client: MpClient
) -> None:
    owner = str(uuid.uuid4())
    login = saved_login(surroundings, client, emulator, owner)
    delete_without_replica(surroundings, owner, login.token)
    with surroundings.database.transaction() as connection:
        connection.execute(update(rows).values(attempts=MOST_ATTEMPTS))
    LogoutWorker(surroundings.database, Vault([surroundings.key]), client).run_due()
    assert pending(surroundings) == 0


def test_due_logouts_are_claimed_one_at_a_time(
    surroundings: Surroundings, emulator: RunningEmulator, client: MpClient, ann: Account
) -> None:
    for _ in range(2):
        login = saved_login(surroundings, client, emulator, ann.id)
        delete_without_replica(surroundings, ann.id, login.token)
    make_due(surroundings)
    claimed = set()
    for _ in range(2):
        with surroundings.database.transaction() as connection:
            logout = pending_logouts.claim(connection)
        assert logout is not None
        claimed.add(logout.id)
    assert len(claimed) == pending(surroundings) == 2
    with surroundings.database.transaction() as connection:
        assert pending_logouts.claim(connection) is None
