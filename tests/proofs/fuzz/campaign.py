"""A campaign of hostile calls against a running stack, repeatable by its seed."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import grpc
import requests
from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky

from deploy.local.stack import LocalStack
from services.chassis.channels import channel
from tests.proofs.fuzz.calls import Outcome, over_grpc, over_rest
from tests.proofs.fuzz.requests import json_bodies, messages
from tests.proofs.fuzz.stored import state_at_rest
from tests.whole_stack.people import People, Person
from tests.whole_stack.test_access_matrix import METHODS

# A code that was applied at Identity without Activation is released, with a refusal, when it is redeemed: that
# is right, and no business of the fuzzer's. These RPCs get codes that Activation does not have.
STRANGE_CODES = {"activation_code": [f"{number:032x}" for number in range(5)]}
BEHIND_ACTIVATIONS_BACK = dict.fromkeys(("ApplyActivation", "ClearActivation"), STRANGE_CODES)
# Looking at every table takes some milliseconds, so it is done for some of the refused calls.
LOOK_AT_EVERY = 10


class FuzzFoundError(AssertionError):
    """A call was answered, or left behind, what it must not."""


@dataclass
class Campaign:
    """The parts that the calls need, and what has been done so far."""

    stack: LocalStack
    people: People
    channels: Mapping[str, grpc.Channel]
    session: requests.Session
    callers: Sequence[Person | None]
    known: Mapping[str, Sequence[str]]
    calls: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    failure: Exception | None = None
    report: Callable[[int], None] = lambda _calls: None

    def run(self, count: int, seed_number: int) -> None:
        """Makes `count` calls. Raises FuzzFoundError for the first bad one."""

        @seed(seed_number)
        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(st.data())
        def one(data: st.DataObject) -> None:
            try:
                self._one(data)
            except Exception as error:
                self.failure = error
                raise

        try:
            one()
        except Flaky as error:
            # What went before it changed the stack, so the same call alone may well come to something else.
            raise (self.failure or error) from error

    def _one(self, data: st.DataObject) -> None:
        service, method = data.draw(st.sampled_from(METHODS), label="method")
        caller = data.draw(st.sampled_from(self.callers), label="caller")
        token = caller.token if caller else None
        is_mapped = method.GetOptions().HasExtension(annotations_pb2.http)
        known = {**self.known, **BEHIND_ACTIVATIONS_BACK.get(method.name, {})}
        if is_mapped and data.draw(st.booleans(), label="over REST"):
            body = data.draw(json_bodies(method.input_type, known), label="body")
            send = partial(over_rest, self.session, self.stack.gateway_url, method, body, token)
        else:
            request = data.draw(messages(method.input_type, known), label="request")
            send = partial(over_grpc, self.channels[service], method, request, token)
        before = state_at_rest(self.stack) if self.calls % LOOK_AT_EVERY == 0 else None
        self._judge(method, send(), before)

    def _judge(self, method: MethodDescriptor, outcome: Outcome, before: Mapping[str, str] | None) -> None:
        self.calls += 1
        self.report(self.calls)
        self.outcomes["refused" if outcome.refused else "answered"] += 1
        if outcome.problem is not None:
            raise FuzzFoundError(f"{method.name}: {outcome.problem}")
        if before is not None and outcome.refused:
            after = state_at_rest(self.stack)
            changed = sorted(name for name in after if before.get(name) != after[name])
            if changed:
                refused = f"{method.name} was refused ({outcome.reason})"
                raise FuzzFoundError(f"{refused} and changed {', '.join(changed)}")


@contextmanager
def campaign(stack: LocalStack, people: People) -> Iterator[Campaign]:
    """A campaign with accounts of every kind and ids that exist."""
    pending, active, admin, victim = (
        people.pending(),
        people.active(),
        people.another_admin(),
        people.pending(),
    )
    codes = people.codes(5)
    known: dict[str, list[str]] = {
        "email": [pending.email, victim.email, active.email.upper()],
        "owner_email": [active.email],
        "owner_id": [active.id],
        "user_id": [victim.id],
        "account_id": [victim.id],
        "account_ids": [victim.id, active.id],
        "activation_code": codes,
        "token": [active.token],
        "tokens": [active.token, pending.token],
    }
    with ExitStack() as opened:
        channels: dict[str, Any] = {
            service: opened.enter_context(
                channel(stack.addresses(service)[0], service, stack.tls_files(certificate))
            )
            for service, certificate in (
                ("identity", "activation"),
                ("activation", "ops"),
                ("wechat_cookie", "collector"),
                ("notifications", "activation"),
            )
        }
        session = opened.enter_context(requests.Session())
        session.trust_env = False
        yield Campaign(stack, people, channels, session, [None, pending, active, admin], known)
