"""The current call: the gRPC call that this thread is answering."""

import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property

import grpc

from services.chassis.identity.principals import Principal
from services.chassis.language import Language, preferred
from services.chassis.mutual_tls import peer_name

# Outside any call, and for callers without a deadline, outgoing work is still bounded.
DEFAULT_TIMEOUT_SECONDS = 15.0
# An inner call times out a little before the outer one, so that the inner timeout is reported.
INNER_MARGIN_SECONDS = 0.2
GATEWAY = "gateway"

Metadata = Sequence[tuple[str, str | bytes]]


@dataclass
class Call:
    """A call in progress. The interceptors set its fields from the outermost inwards; handlers read them."""

    method: str
    request_id: str
    # As the caller sent it, credentials included.
    metadata: Metadata = field(repr=False)
    # In time.monotonic().
    deadline: float
    # For the properties below, which are costly and which most calls do not need.
    connection: grpc.ServicerContext = field(repr=False)
    principal: Principal | None = None
    # The code of the error that was answered; None if there is none.
    refused_with: grpc.StatusCode | None = None

    @cached_property
    def peer(self) -> str:
        """The name in the peer's client certificate; empty if it has no certificate with such a name."""
        return peer_name(self.connection)

    @cached_property
    def client_address(self) -> str:
        """The caller's IP address: the gateway's client address, sent as metadata, or else the connection's.

        The metadata of peers other than the gateway is ignored.
        """
        if self.peer == GATEWAY:
            return last_value(self.metadata, "x-fastmp-client-address")
        # grpc writes a peer as ipv4:127.0.0.1:5000 or ipv6:%5B::1%5D:5000.
        address = self.connection.peer().partition(":")[2].rpartition(":")[0]
        return address.replace("%5B", "").replace("%5D", "")

    @cached_property
    def language(self) -> Language:
        """The language of messages to the caller, by the metadata `accept-language`."""
        return preferred(last_value(self.metadata, "accept-language"))


def last_value(metadata: Metadata, key: str) -> str:
    """Returns the last text sent under `key`, or an empty string without one."""
    found = ""
    for name, value in metadata:
        if name == key and isinstance(value, str):
            found = value
    return found


_current: ContextVar[Call | None] = ContextVar("fastmp_call", default=None)


@contextmanager
def answering(call: Call) -> Iterator[Call]:
    """Makes `call` the current call of this thread while the block runs."""
    reset = _current.set(call)
    try:
        yield call
    finally:
        _current.reset(reset)


def current() -> Call:
    """Returns the current call. Raises LookupError without one."""
    call = _current.get()
    if call is None:
        raise LookupError("no call is being answered in this thread")
    return call


def answered() -> Call | None:
    """Returns the current call, or None in a background thread."""
    return _current.get()


def caller() -> Principal:
    """Returns the account that called. Raises LookupError if the RPC's access level needs no account."""
    principal = current().principal
    if principal is None:
        raise LookupError("this RPC is not called by an account")
    return principal


def caller_id() -> uuid.UUID:
    """Returns the id of the account that called. Raises LookupError as caller() does."""
    return uuid.UUID(caller().account_id)


def request_id() -> str:
    """Returns the request id of the current call, or an empty string without one."""
    call = _current.get()
    return call.request_id if call else ""


def remaining_time() -> float:
    """Returns the seconds until the caller's deadline, less a margin to answer in; for waits in this process."""
    call = _current.get()
    if call is None:
        return DEFAULT_TIMEOUT_SECONDS
    return max(0.001, call.deadline - time.monotonic() - INNER_MARGIN_SECONDS)


def outgoing_timeout() -> float:
    """Returns the timeout of an outgoing call in seconds: remaining_time(), at most DEFAULT_TIMEOUT_SECONDS."""
    return min(DEFAULT_TIMEOUT_SECONDS, remaining_time())


def deadline_of(context: grpc.ServicerContext, at_most: float) -> float:
    """Returns the deadline of `context` in time.monotonic(), at most `at_most` seconds from now."""
    remaining = context.time_remaining()
    return time.monotonic() + (at_most if remaining is None else min(remaining, at_most))
