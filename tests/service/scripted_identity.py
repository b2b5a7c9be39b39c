"""A small Identity for Activation's tests: the internal RPCs after their contract, in memory, with faults.

It keeps to the contract as the real one does: test_identity_port.py runs the same tests on both.
"""

import datetime
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import grpc
from prometheus_client import CollectorRegistry

from fastmp.identity.v1 import identity_service_pb2 as pb
from fastmp.identity.v1 import identity_service_pb2_grpc as pb_grpc
from services.activation.api.messages import timestamp_of
from services.chassis.errors import DomainError
from services.chassis.grpc_server.server import Listen, Pool, Server
from services.chassis.identity.access_days import extended, what_is_left
from services.chassis.identity.principals import UnauthenticatedError
from services.chassis.mutual_tls import TlsFiles

SERVICE = pb.DESCRIPTOR.services_by_name["IdentityService"]
HEARTBEAT_SECONDS = 0.1


class RefusalError(DomainError):
    """A refusal with the reason of the moment."""

    def __init__(self, reason: str, code: grpc.StatusCode = grpc.StatusCode.FAILED_PRECONDITION) -> None:
        super().__init__(reason)
        self.reason = reason  # type: ignore[misc]
        self.code = code  # type: ignore[misc]


@dataclass
class Account:
    """An account as Identity knows it."""

    id: uuid.UUID
    email: str
    role: str = "user"
    activation_status: str = "pending"
    activation_code: str | None = None
    expired_time: datetime.datetime | None = None

    @property
    def bearer(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer token-of-{self.id}"),)

    @property
    def principal(self) -> pb.Principal:
        return pb.Principal(
            account_id=str(self.id),
            email=self.email,
            role=self.role,
            activation_status=self.activation_status,
            expired_time=timestamp_of(self.expired_time),
        )


@dataclass
class Applied:
    """What a code gave; `cleared` when it was taken back."""

    account_id: uuid.UUID | None
    expired_time: datetime.datetime | None
    redeemed_time: datetime.datetime | None = None
    cleared: bool = False


@dataclass
class World:
    """What outlives a restart, and the faults. Reading an attribute is safe; changes go through methods."""

    accounts: dict[uuid.UUID, Account] = field(default_factory=dict)
    applied: dict[str, Applied] = field(default_factory=dict)
    # (account id, kind) of sequence 1, 2, 3 …
    feed: list[tuple[str, str]] = field(default_factory=list)
    kept_after: int = 0
    # Calls of ApplyActivation and ClearActivation by code, however they ended.
    calls: list[tuple[str, str]] = field(default_factory=list)
    # The change is made, but the caller never hears of it.
    losing_answers: bool = False
    # Neither is the change made. Who calls can still be asked.
    refusing_changes: bool = False
    # Called with the method's name before a change is made.
    before_change: Callable[[str], None] = lambda _method: None
    changed: threading.Condition = field(default_factory=threading.Condition)

    def add(self, role: str = "user") -> Account:
        account = Account(uuid.uuid4(), f"{role}-{uuid.uuid4().hex[:12]}@example.com", role)
        with self.changed:
            self.accounts[account.id] = account
            self._record(account.id, "changed")
        return account

    def set_status(self, account: Account, status: str) -> None:
        """As an admin's UpdateUser."""
        with self.changed:
            account.activation_status = status
            self._record(account.id, "changed")

    def set_days(self, account: Account, expired_time: datetime.datetime) -> None:
        """As an admin's UpdateUser: the account has access until then."""
        with self.changed:
            account.activation_status, account.expired_time = "active", expired_time
            self._record(account.id, "changed")

    def delete(self, account_id: uuid.UUID) -> None:
        with self.changed:
            self.applied = {code: one for code, one in self.applied.items() if one.account_id != account_id}
            del self.accounts[account_id]
            self._record(account_id, "deleted")

    def forget(self, account_id: uuid.UUID) -> None:
        """The account is gone, and the feed has yet to say so."""
        self.accounts.pop(account_id, None)

    def prune(self) -> None:
        """Forgets the feed until now."""
        with self.changed:
            self.kept_after = len(self.feed)

    def changes_after(self, sequence: int) -> list[tuple[str, str]]:
        """The feed after `sequence`; waits a heartbeat for it to have something."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.feed) > sequence, timeout=HEARTBEAT_SECONDS)
            return self.feed[sequence:]

    def heal(self) -> None:
        """Ends all faults."""
        self.losing_answers = self.refusing_changes = False
        self.before_change = lambda _method: None

    def applications(self, code: str) -> int:
        """How often ApplyActivation was called with the code."""
        return self.calls.count(("apply", code))

    def apply(
        self,
        account_id: uuid.UUID,
        code: str,
        expired_time: datetime.datetime | None,
        redeemed_time: datetime.datetime | None = None,
        added_days: int | None = None,
    ) -> Account:
        redeemed = redeemed_time or datetime.datetime.now(datetime.UTC)
        with self.changed:
            known = self.applied.get(code)
            if known is not None and known.cleared:
                raise RefusalError("ACTIVATION_CLEARED")
            if known is not None and known.account_id != account_id:
                raise RefusalError("ACTIVATION_APPLIED_ELSEWHERE", grpc.StatusCode.ALREADY_EXISTS)
            account = self.accounts.get(account_id)
            if account is None:
                raise RefusalError("ACCOUNT_NOT_FOUND", grpc.StatusCode.NOT_FOUND)
            if known is None:
                if account.activation_status == "revoked":
                    raise RefusalError("ACCOUNT_REVOKED")
                later = [
                    one
                    for other, one in self.applied.items()
                    if one.account_id == account_id
                    and one.redeemed_time is not None
                    and (one.redeemed_time, other) > (redeemed, code)
                ]
                if added_days is not None:
                    left = what_is_left(account.activation_status, account.expired_time)
                    expired_time = extended(left, redeemed, added_days)
                self.applied[code] = Applied(account_id, expired_time, redeemed)
                if later:
                    return account
                account.activation_code, account.activation_status = code, "active"
                account.expired_time = expired_time
                self._record(account_id, "changed")
            return account

    def clear(self, code: str) -> bool:
        with self.changed:
            self.applied.setdefault(code, Applied(None, None)).cleared = True
            for account in self.accounts.values():
                if account.activation_code == code:
                    account.activation_code = account.expired_time = None
                    if account.activation_status != "revoked":
                        account.activation_status = "pending"
                    self._record(account.id, "changed")
                    return True
            return False

    def _record(self, account_id: uuid.UUID, kind: str) -> None:
        self.feed.append((str(account_id), kind))
        self.changed.notify_all()


class ScriptedIdentity(pb_grpc.IdentityServiceServicer):
    """Answers from a World."""

    def __init__(self, world: World) -> None:
        self._world = world

    def Authenticate(
        self, request: pb.AuthenticateRequest, _context: grpc.ServicerContext
    ) -> pb.AuthenticateResponse:
        with self._world.changed:
            found = self._world.accounts.get(uuid.UUID(request.token.removeprefix("token-of-")))
            if found is None:
                raise UnauthenticatedError
            never = datetime.datetime(2999, 1, 1, tzinfo=datetime.UTC)
            return pb.AuthenticateResponse(
                principal=found.principal,
                token_expire_time=timestamp_of(never),
                sequence=len(self._world.feed),
            )

    def GetPrincipals(
        self, request: pb.GetPrincipalsRequest, _context: grpc.ServicerContext
    ) -> pb.GetPrincipalsResponse:
        with self._world.changed:
            found = (self._world.accounts.get(uuid.UUID(one)) for one in request.account_ids)
            principals = [account.principal for account in found if account is not None]
            if request.HasField("after_account_id"):
                after = uuid.UUID(request.after_account_id)
                ids = sorted(one for one in self._world.accounts if one > after)[:1000]
                principals += [self._world.accounts[one].principal for one in ids]
            return pb.GetPrincipalsResponse(principals=principals, sequence=len(self._world.feed))

    def WatchAccounts(
        self, request: pb.WatchAccountsRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.AccountEvent]:
        world, sent = self._world, request.after_sequence
        if sent < world.kept_after:
            raise RefusalError("FEED_PRUNED", grpc.StatusCode.OUT_OF_RANGE)
        while context.is_active():
            news = world.changes_after(sent)
            for account_id, kind in news:
                sent += 1
                change = pb.AccountChange(account_id=account_id, kind=kind)
                yield pb.AccountEvent(sequence=sent, change=change)
            if not news:
                yield pb.AccountEvent(sequence=sent, heartbeat=pb.AccountHeartbeat())

    def ApplyActivation(
        self, request: pb.ApplyActivationRequest, _context: grpc.ServicerContext
    ) -> pb.ApplyActivationResponse:
        self._world.calls.append(("apply", request.activation_code))
        self._fail_if_asked_to()
        self._world.before_change("apply")
        added_days = request.added_days if request.HasField("added_days") else None
        expired_time = None if added_days else request.expired_time.ToDatetime(tzinfo=datetime.UTC)
        redeemed_time = None
        if request.HasField("redeemed_time"):
            redeemed_time = request.redeemed_time.ToDatetime(tzinfo=datetime.UTC)
        account = self._world.apply(
            uuid.UUID(request.account_id), request.activation_code, expired_time, redeemed_time, added_days
        )
        if self._world.losing_answers:
            raise RefusalError("LOST", grpc.StatusCode.UNAVAILABLE)
        first = self._world.applied[request.activation_code].expired_time
        return pb.ApplyActivationResponse(
            email=account.email, activation_status="active", expired_time=timestamp_of(first)
        )

    def ClearActivation(
        self, request: pb.ClearActivationRequest, _context: grpc.ServicerContext
    ) -> pb.ClearActivationResponse:
        self._world.calls.append(("clear", request.activation_code))
        self._fail_if_asked_to()
        self._world.before_change("clear")
        cleared = self._world.clear(request.activation_code)
        if self._world.losing_answers:
            raise RefusalError("LOST", grpc.StatusCode.UNAVAILABLE)
        return pb.ClearActivationResponse(cleared=cleared)

    def _fail_if_asked_to(self) -> None:
        if self._world.refusing_changes:
            raise RefusalError("DATABASE_UNAVAILABLE", grpc.StatusCode.UNAVAILABLE)


class UnusedAuthenticator:
    """None of the RPCs here is called with a token."""

    def authenticate(self, _token: str, _suffices: object = None) -> object:
        raise UnauthenticatedError


class RunningIdentity:
    """A server around a World, which can be taken down and brought up again on its port."""

    def __init__(self, tls: TlsFiles) -> None:
        self.world = World()
        self._tls = tls
        self._server: Server | None = None
        self.port = 0
        self.up()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def up(self) -> None:
        server = Server(
            SERVICE,
            Listen("127.0.0.1", self.port, 0, 0),
            self._tls,
            UnusedAuthenticator(),  # type: ignore[arg-type]
            lambda: datetime.datetime.now(datetime.UTC),
            lambda: True,
            Pool(unary_threads=70, max_streams=10),
            CollectorRegistry(),
        )
        server.add(pb_grpc.add_IdentityServiceServicer_to_server, ScriptedIdentity(self.world))
        server.start()
        self._server, self.port = server, server.port

    def down(self) -> None:
        if self._server is not None:
            self._server.stop(drain_seconds=0, grace_seconds=0)
            self._server = None
