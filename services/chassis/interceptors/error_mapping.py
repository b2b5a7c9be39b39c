"""Interceptor that turns exceptions into gRPC statuses."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import structlog
from grpc_status import rpc_status

from services.chassis import context as calls
from services.chassis.errors import DomainError, ThrottledError, to_status
from services.chassis.interceptors import Handler, Method, around

_log = structlog.get_logger(__name__)


class ErrorMapping:
    """Answers a DomainError with its own status, and any other exception with INTERNAL and a constant text.

    Other exceptions are logged with their traceback; by default, grpcio would send their text to the caller.
    """

    def intercept(self, method: Method, handler: Handler) -> Handler:
        @contextmanager
        def enter(context: grpc.ServicerContext) -> Iterator[None]:
            try:
                yield
            except DomainError as error:
                _log.info("refused", reason=error.reason, code=error.code.name)
                _abort(context, error)
            except Exception:
                if not context.is_active():
                    # The caller has cancelled the call, which may be why it failed.
                    raise
                _log.exception("fault")
                _abort(context, DomainError())

        return around(method, handler, enter)


def _abort(context: grpc.ServicerContext, error: DomainError) -> None:
    call = calls.current()
    call.refused_with = error.code
    status: Any = rpc_status.to_status(to_status(error, call.request_id, call.language))
    if isinstance(error, ThrottledError):
        # For REST: a refusal without initial metadata is one block of headers, which the gateway converts. With
        # initial metadata, which are sent before it, the gateway would begin a stream's answer with 200.
        retry_after = ("retry-after", str(error.retry_seconds))
        status = status._replace(trailing_metadata=(*status.trailing_metadata, retry_after))
    context.abort_with_status(status)
