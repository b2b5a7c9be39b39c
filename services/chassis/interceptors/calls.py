"""Interceptor that creates the current Call."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from services.chassis import context as calls
from services.chassis.interceptors import Handler, Method, around
from services.chassis.postgres.connecting import answers_until

# The longest deadlines. A unary call that lasts longer is a fault; the duration of a stream is not known.
UNARY_SECONDS = 30.0
STREAM_SECONDS = 24 * 3600.0
_REQUEST_ID = re.compile(r"[0-9A-Za-z_-]{8,64}")


class CallContext:
    """Creates the Call, with the request id that the caller sent or a new one, which is in the call's log lines."""

    def intercept(self, method: Method, handler: Handler) -> Handler:
        longest = STREAM_SECONDS if method.is_streaming else UNARY_SECONDS

        @contextmanager
        def enter(context: grpc.ServicerContext) -> Iterator[None]:
            metadata = context.invocation_metadata()
            call = calls.Call(
                method=method.path,
                request_id=_request_id(calls.last_value(metadata, "x-request-id")),
                metadata=metadata,
                deadline=calls.deadline_of(context, longest),
                connection=context,
            )
            context.set_trailing_metadata((("x-request-id", call.request_id),))
            with calls.answering(call), answers_until(call.deadline):
                yield

        return around(method, handler, enter)


def _request_id(sent: str) -> str:
    return sent if _REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex
