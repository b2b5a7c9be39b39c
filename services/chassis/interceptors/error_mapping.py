"""Interceptor that turns exceptions into gRPC statuses."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import grpc
import structlog
from grpc_status import rpc_status

from services.chassis import context as calls
from services.chassis.errors import DomainError, ThrottledError, to_status
from services.chassis.interceptors import Handler, Method, around

_log = structlog.get_logger(__name__)


class ErrorMapping:
    """Answers a DomainError with its own status, and any other exception with INTERNAL and a constant text.

    Other exceptions are logged with their traceback; grpcio by itself would send their text to the caller.
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
    calls.current().refused_with = error.code
    if isinstance(error, ThrottledError):
        _send_retry_after(context, error)
    context.abort_with_status(rpc_status.to_status(to_status(error, calls.request_id())))


def _send_retry_after(context: grpc.ServicerContext, error: ThrottledError) -> None:
    # For REST: the gateway turns initial metadata into headers and drops trailing metadata. A stream that has begun
    # has sent its initial metadata already.
    with suppress(ValueError):
        context.send_initial_metadata((("retry-after", str(error.retry_seconds)),))
