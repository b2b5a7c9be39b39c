"""Identity without its database: it says so, trusts nothing that it remembers, and comes back by itself."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

import grpc
import psycopg
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from psycopg import sql
from sqlalchemy import make_url

from deploy.local.postgres import PostgresServer
from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.channels import channel
from services.chassis.errors import reason_of
from services.chassis.mutual_tls import TlsFiles
from tests.service.identity.conftest import Replica
from tests.service.identity.replicas import PASSWORD, Account, eventually, refusal

Outage = Callable[[], AbstractContextManager[None]]
UNAVAILABLE = (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")


@pytest.fixture
def without_database(postgres_server: PostgresServer, database_url: str) -> Outage:
    """A block in which the database takes no connections and has closed the ones it had."""
    name = make_url(database_url).database or ""

    @contextmanager
    def block() -> Iterator[None]:
        allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as connection:
            connection.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
            connection.execute(end, (name,))
            try:
                yield
            finally:
                connection.execute(allow.format(sql.Identifier(name), sql.SQL("true")))

    return block


def answer(call: Callable[[], object]) -> tuple[grpc.StatusCode, str | None] | None:
    """How the call was refused; None when it was not."""
    try:
        call()
    except grpc.RpcError as error:
        return error.code(), reason_of(error)
    return None


def test_without_its_database_nothing_is_trusted_and_everything_comes_back(
    replica: Replica, person: Account, without_database: Outage, certificates: Mapping[str, TlsFiles]
) -> None:
    stub = replica.callers.gateway
    operations = channel(
        f"127.0.0.1:{replica.identity.server.operations_port}", "identity", certificates["ops"]
    )
    health = health_pb2_grpc.HealthStub(operations)

    def is_serving() -> bool:
        status = health.Check(health_pb2.HealthCheckRequest()).status  # type: ignore[attr-defined]
        return bool(status == health_pb2.HealthCheckResponse.SERVING)

    def get_me() -> object:
        return stub.GetMe(pb.GetMeRequest(), metadata=person.bearer)

    with operations:
        eventually(is_serving)
        get_me()
        with without_database():
            # What was remembered of the caller counts for less than a second.
            eventually(lambda: answer(get_me) == UNAVAILABLE, seconds=1.0)
            login = pb.LoginRequest(email=person.email, password=PASSWORD)
            assert refusal(lambda: stub.Login(login)) == UNAVAILABLE
            register = pb.RegisterRequest(email="other@example.com", password=PASSWORD)
            assert refusal(lambda: stub.Register(register)) == UNAVAILABLE
            eventually(lambda: not is_serving())
        eventually(lambda: answer(get_me) is None)
        eventually(is_serving)
        assert stub.Login(login).token_type == "bearer"


def test_a_watch_ends_in_an_outage_or_goes_on_after_it_without_loss(
    replica: Replica, person: Account, admin: Account, without_database: Outage
) -> None:
    seen: list[int] = []

    def watch() -> None:
        request = pb.WatchAccountsRequest(after_sequence=seen[-1] if seen else 0)
        try:
            for event in replica.callers.activation.WatchAccounts(request, timeout=20):
                if event.HasField("change"):
                    seen.append(event.sequence)
                if seen[-1:] == [3]:
                    return
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(watch)
        eventually(lambda: seen == [1, 2])
        with without_database():
            change = pb.UpdateUserRequest(user_id=person.id, activation_status="active")
            code, _ = refusal(lambda: replica.callers.gateway.UpdateUser(change, metadata=admin.bearer))
            assert code is grpc.StatusCode.UNAVAILABLE

        def change_succeeds() -> bool:
            call = lambda: replica.callers.gateway.UpdateUser(change, metadata=admin.bearer)  # noqa: E731
            return answer(call) is None

        eventually(change_succeeds)
        first.result(20)
    while seen[-1] < 3:
        watch()
    assert seen == [1, 2, 3]


def test_it_starts_without_a_database_and_becomes_ready_when_there_is_one(
    start_replica: Callable[..., Replica], without_database: Outage
) -> None:
    with without_database():
        replica = start_replica()
        register = pb.RegisterRequest(email="early@example.com", password=PASSWORD)
        assert refusal(lambda: replica.callers.gateway.Register(register)) == UNAVAILABLE
    eventually(lambda: answer(lambda: replica.callers.gateway.Register(register)) is None)
    eventually(lambda: replica.identity.feed.is_working)
