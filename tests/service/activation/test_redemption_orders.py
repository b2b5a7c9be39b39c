"""An account's access is what its codes give in the order of redemption, whatever order everything arrives in."""

import datetime
import secrets
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Row, insert, select, text

from fastmp.activation.v1 import activation_service_pb2 as pb
from services.activation.codes import deletion
from services.activation.codes.generation import Generation, generate
from services.activation.redeeming.claims import Claim, Claims
from services.activation.redeeming.guessing import Guesser
from services.chassis.audit.recording import AuditLog
from services.chassis.mutual_tls import TlsFiles
from services.chassis.postgres.database import Database
from services.identity.accounts.activations import ActivationClearedError, Activations, Grant
from services.identity.accounts.transactions import AccountTransactions
from services.identity.tables import accounts
from services.identity.tables import audit as identity_audit
from tests.service.activation.bare_redemption import bare_claims
from tests.service.activation.replicas import running
from tests.service.activation.test_entitlements import make_jobs_due, waiting_jobs
from tests.service.activation.test_identity_port import Real
from tests.service.identity import replicas as real
from tests.support.audit_key import AUDIT_KEY
from tests.support.postgres import FreshDatabase
from tests.support.waiting import wait_until

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
CODES = 3
STEPS = ("claim", "apply", "apply", "delete", "clear")
TERMS = (("now", 30), ("now", 1), ("expiry", 30), ("expiry", 7))


@dataclass
class Both:
    """The databases of both services, and the rules that work on them."""

    activation: Database
    identity: Database
    claims: Claims
    activations: Activations


@pytest.fixture
def both(fresh_database: FreshDatabase) -> Iterator[Both]:
    url = fresh_database("activation")
    activation, identity = Database(url, pool_size=2), Database(fresh_database("identity"), pool_size=2)
    transactions = AccountTransactions(
        identity, lambda: NOW, AuditLog(identity_audit, AUDIT_KEY, lambda: NOW), lambda *_: None
    )
    yield Both(activation, identity, bare_claims(activation, url, lambda: NOW), Activations(transactions))
    activation.dispose()
    identity.dispose()


@dataclass
class Story:
    """One account with a few codes; each method is a step that may come at any time, and that may have to wait."""

    both: Both
    account_id: uuid.UUID
    unused: list[str]
    clocks: list[int]
    claimed: list[Claim] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    cleared: set[str] = field(default_factory=set)
    # Those whose first application came before their deletion did, with its answer.
    applied: dict[str, datetime.datetime | None] = field(default_factory=dict)

    def claim(self, number: int) -> None:
        if number < len(self.claimed) or not self.unused:
            return
        now = NOW + datetime.timedelta(seconds=self.clocks[len(self.claimed)])
        if self.deleted:
            # Of a deleted code nothing is left to be later than: here the clocks of the replicas have to agree.
            now = self.claimed[-1].redeemed_time + datetime.timedelta(microseconds=1)
        guesser = Guesser(self.account_id, "192.0.2.1")
        with self.both.activation.transaction() as connection:
            claim = self.both.claims.take(connection, self.unused.pop(), guesser, "p@example.com", now)
        assert claim is not None
        self.claimed.append(claim)

    def apply(self, number: int) -> None:
        """Also of a code that was deleted since: the call was under way."""
        if number >= len(self.claimed):
            return
        claim = self.claimed[number]
        code = claim.activation_code
        is_from_now = claim.added_days is None
        grant = Grant(claim.expiry_date if is_from_now else None, claim.added_days)
        wanted = (self.account_id, code, grant, claim.redeemed_time)
        if code in self.cleared:
            with pytest.raises(ActivationClearedError):
                self.both.activations.apply(*wanted)
            return
        before = self.account().expired_time
        answer = self.both.activations.apply(*wanted).expired_time
        assert answer is not None
        assert answer == self.applied.setdefault(code, answer)
        assert answer == claim.expiry_date if is_from_now else answer >= claim.expiry_date
        if not is_from_now and before is not None:
            assert self.account().expired_time >= before

    def delete(self, number: int) -> None:
        if number < len(self.claimed) and (code := self.claimed[number].activation_code) not in self.deleted:
            with self.both.activation.transaction() as connection:
                deletion.remove(connection, code)
            self.deleted.add(code)

    def clear(self, number: int) -> None:
        if number < len(self.claimed) and (code := self.claimed[number].activation_code) in self.deleted:
            self.both.activations.clear(code)
            self.cleared.add(code)

    def finish(self) -> None:
        """What the jobs do in the end."""
        for number, claim in enumerate(self.claimed):
            if claim.activation_code in self.deleted:
                self.clear(number)
            else:
                self.apply(number)

    def check(self) -> None:
        """The account is as its codes that took effect leave it when they are applied as they were redeemed."""
        code: str | None = None
        end: datetime.datetime | None = None
        for claim in self.claimed:
            is_gone = claim.activation_code in self.cleared
            if claim.activation_code not in self.applied:
                continue
            if claim.added_days is None:
                code, end = (None, None) if is_gone else (claim.activation_code, claim.expiry_date)
            elif not is_gone:
                start = max(end or claim.redeemed_time, claim.redeemed_time)
                code, end = claim.activation_code, start + datetime.timedelta(days=claim.added_days)
        assert tuple(self.account()) == (code, "pending" if end is None else "active", end)

    def account(self) -> Row[*tuple[Any, ...]]:
        columns = (accounts.c.activation_code, accounts.c.activation_status, accounts.c.expired_time)
        with self.both.identity.reading() as connection:
            return connection.execute(select(*columns).where(accounts.c.id == self.account_id)).one()


def begin(both: Both, clocks: list[int], terms: list[tuple[str, int]]) -> Story:
    account_id = uuid.uuid4()
    email = f"{account_id}@example.com"
    row = {
        "id": account_id,
        "email": email,
        "email_key": email,
        "password_hash": "",
        "role": "user",
        "activation_status": "pending",
        "created_at": NOW,
        "updated_at": NOW,
    }
    with both.identity.transaction() as connection:
        connection.execute(insert(accounts), row)
    with both.activation.transaction() as connection:
        made = [
            generate(
                connection, Generation(account_id, days, 1, days_from=days_from), NOW, secrets.token_bytes
            )
            for days_from, days in terms
        ]
    return Story(both, account_id, [one.codes[0].activation_code for one in made], clocks)


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(
    steps=st.permutations([(step, number) for number in range(CODES) for step in STEPS]),
    clocks=st.lists(st.integers(-1, 1), min_size=CODES, max_size=CODES),
    terms=st.lists(st.sampled_from(TERMS), min_size=CODES, max_size=CODES),
)
def test_the_order_of_redemption_decides_in_every_order_of_arrival(
    both: Both, steps: list[tuple[str, int]], clocks: list[int], terms: list[tuple[str, int]]
) -> None:
    story = begin(both, clocks, terms)

    for step, number in steps:
        getattr(story, step)(number)
        story.check()

    story.finish()
    story.check()


def test_a_late_job_of_an_older_code_changes_nothing(
    certificates: Mapping[str, TlsFiles], fresh_database: FreshDatabase
) -> None:
    """Identity hangs while A is redeemed, B is redeemed, and then A's job runs."""
    identity_url, activation_url = fresh_database("identity"), fresh_database("activation")
    with ExitStack() as held:
        port = Real(identity_url, certificates, held)
        identity, activation = Database(identity_url, pool_size=2), Database(activation_url, pool_size=2)
        held.callback(identity.dispose)
        held.callback(activation.dispose)
        replica = held.enter_context(running(activation_url, certificates, port.address, real.Clock()))
        admin, person = port.add("admin"), port.add()
        older, newer = replica.new_code(admin, 1), replica.new_code(admin, 365)

        with identity.transaction() as lock:
            lock.execute(text("LOCK TABLE account_activations"))
            request = pb.ActivateRequest(activation_code=older)
            with pytest.raises(grpc.RpcError):
                replica.stub.Activate(request, metadata=person.bearer, timeout=1.5)
            _end_waiting_statements(identity)
        given = replica.activate(person, newer)
        make_jobs_due(activation)
        wait_until(lambda: waiting_jobs(activation) == 0)

        assert port.expired_time(person) == given.expired_time
        assert replica.activate(person, older).expired_time != given.expired_time
        replica.delete(admin, older)
        assert port.expired_time(person) == given.expired_time


def _end_waiting_statements(database: Database) -> None:
    waiting = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"

    def ended() -> bool:
        with database.reading() as connection:
            connection.execute(text(f"SELECT pg_cancel_backend(pid) {waiting}"))
            return bool(connection.scalar(text(f"SELECT count(*) = 0 {waiting}")))

    wait_until(ended)
