"""Request id and log context: opens the Call that everything inside reads."""

import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import grpc
import structlog

from services.chassis import context as calls
from services.chassis.credentials import peer_name
from services.chassis.interceptors import Handler, Method, around

# A streaming call has no end that could be foreseen; a unary one that lasts longer than this is a fault.
UNARY_SECONDS = 30.0
STREAM_SECONDS = 24 * 3600.0
GATEWAY = "gateway"
_REQUEST_ID = re.compile(r"[0-9A-Za-z_-]{8,64}")


class CallContext:
    """Takes the request id that the caller sent, or makes one, and binds it to every log line of the call.

    The client's address is believed from the gateway only; anybody else has that of the socket.
    """

    def intercept(self, method: Method, handler: Handler) -> Handler:
        longest = STREAM_SECONDS if method.is_streaming else UNARY_SECONDS

        @contextmanager
        def enter(context: grpc.ServicerContext) -> Iterator[None]:
            metadata = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
            peer = peer_name(context)
            call = calls.Call(
                method=method.path,
                request_id=_request_id(metadata),
                peer=peer,
                client_address=_client_address(context, peer, metadata),
                deadline=calls.deadline_of(context, longest),
            )
            context.set_trailing_metadata((("x-request-id", call.request_id),))
            with (
                calls.answering(call),
                structlog.contextvars.bound_contextvars(request_id=call.request_id, method=method.path),
            ):
                yield

        return around(method, handler, enter)


def _request_id(metadata: Mapping[str, str]) -> str:
    sent = metadata.get("x-request-id", "")
    return sent if _REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex


def _client_address(context: grpc.ServicerContext, peer: str, metadata: Mapping[str, str]) -> str:
    if peer == GATEWAY:
        return metadata.get("x-fastmp-client-address", "")
    # grpc writes a peer as ipv4:127.0.0.1:5000 or ipv6:%5B::1%5D:5000.
    address = context.peer().partition(":")[2].rpartition(":")[0]
    return address.replace("%5B", "").replace("%5D", "")
