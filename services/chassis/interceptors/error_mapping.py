"""The only place where an exception becomes a gRPC status."""

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
    """Answers a DomainError as its own status, and anything else as INTERNAL with a constant text.

    The traceback of a fault is logged and stays here: grpcio by itself would send the exception's text to the
    caller.
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
                    # The caller has hung up; whatever failed because of it is nobody's fault.
                    raise
                _log.exception("fault")
                _abort(context, DomainError())

        return around(method, handler, enter)


def _abort(context: grpc.ServicerContext, error: DomainError) -> None:
    calls.current().refused_with = error.code
    if isinstance(error, ThrottledError):
        _tell_when_to_retry(context, error)
    context.abort_with_status(rpc_status.to_status(to_status(error, calls.request_id())))


def _tell_when_to_retry(context: grpc.ServicerContext, error: ThrottledError) -> None:
    # For REST: the gateway turns initial metadata into headers, and trailing metadata into nothing. A stream that
    # has begun has sent its own already.
    with suppress(ValueError):
        context.send_initial_metadata((("retry-after", str(error.retry_seconds)),))
