"""What is known of the call that this thread is answering."""

import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property

import grpc

from services.chassis.identity.principals import Principal
from services.chassis.mutual_tls import peer_name

# Outside any call, and for callers without a deadline, outgoing work is still bounded.
DEFAULT_TIMEOUT_SECONDS = 15.0
# An inner call ends a little before the outer one, so that the inner service reports its own timeout.
INNER_MARGIN_SECONDS = 0.2
GATEWAY = "gateway"

Metadata = Sequence[tuple[str, str | bytes]]


@dataclass
class Call:
    """One call in progress. The interceptors fill it in from the outside to the inside; handlers read it."""

    method: str
    request_id: str
    # As the caller sent it, credentials included.
    metadata: Metadata = field(repr=False)
    # time.monotonic() at which the caller stops waiting.
    deadline: float
    # What the peer is asked of; most calls want to know nothing of it, and asking costs as much as answering.
    connection: grpc.ServicerContext = field(repr=False)
    principal: Principal | None = None
    # The code of the error that it was answered with; None while there is none.
    refused_with: grpc.StatusCode | None = None

    @cached_property
    def peer(self) -> str:
        """The name in the peer's client certificate; empty when it has none of ours."""
        return peer_name(self.connection)

    @cached_property
    def client_address(self) -> str:
        """The address of whoever called; behind the gateway that of the gateway's client.

        What a caller says of it is believed from the gateway only; anybody else has the address of the socket.
        """
        if self.peer == GATEWAY:
            return last_value(self.metadata, "x-fastmp-client-address")
        # grpc writes a peer as ipv4:127.0.0.1:5000 or ipv6:%5B::1%5D:5000.
        address = self.connection.peer().partition(":")[2].rpartition(":")[0]
        return address.replace("%5B", "").replace("%5D", "")


def last_value(metadata: Metadata, key: str) -> str:
    """The text sent last under `key`; empty when there is none."""
    found = ""
    for name, value in metadata:
        if name == key and isinstance(value, str):
            found = value
    return found


_current: ContextVar[Call | None] = ContextVar("fastmp_call", default=None)


@contextmanager
def answering(call: Call) -> Iterator[Call]:
    """Makes `call` the one that current() gives within this thread."""
    reset = _current.set(call)
    try:
        yield call
    finally:
        _current.reset(reset)


def current() -> Call:
    """The call being answered. Raises LookupError outside one."""
    call = _current.get()
    if call is None:
        raise LookupError("no call is being answered in this thread")
    return call


def answered() -> Call | None:
    """The call being answered; None in a background thread."""
    return _current.get()


def caller() -> Principal:
    """The account that called. Raises LookupError where the RPC's access level does not ask for one."""
    principal = current().principal
    if principal is None:
        raise LookupError("this RPC is not called by an account")
    return principal


def caller_id() -> uuid.UUID:
    """The id of the account that called. Raises LookupError as caller() does."""
    return uuid.UUID(caller().account_id)


def request_id() -> str:
    """The id of the call being answered, or an empty string outside one."""
    call = _current.get()
    return call.request_id if call else ""


def remaining_time() -> float:
    """Seconds for which the caller still waits, less a margin to answer in: for waiting within this process."""
    call = _current.get()
    if call is None:
        return DEFAULT_TIMEOUT_SECONDS
    return max(0.001, call.deadline - time.monotonic() - INNER_MARGIN_SECONDS)


def outgoing_timeout() -> float:
    """Seconds that an outgoing call may take now: what the caller still waits, less a margin; at most 15."""
    return min(DEFAULT_TIMEOUT_SECONDS, remaining_time())


def deadline_of(context: grpc.ServicerContext, at_most: float) -> float:
    """time.monotonic() at which the caller of `context` stops waiting, at most `at_most` seconds from now."""
    remaining = context.time_remaining()
    return time.monotonic() + (at_most if remaining is None else min(remaining, at_most))
