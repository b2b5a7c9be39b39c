"""The gRPC code with which a call ends, for interceptors that report it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc

from services.chassis import context as calls


@contextmanager
def reported_to(report: Callable[[grpc.StatusCode], None]) -> Iterator[None]:
    """Runs the block that answers the current call, and calls `report` with its code when it ends or raises."""
    code = grpc.StatusCode.UNKNOWN
    try:
        yield
        code = grpc.StatusCode.OK
    except GeneratorExit:
        code = grpc.StatusCode.CANCELLED
        raise
    except Exception:
        code = calls.current().refused_with or grpc.StatusCode.UNKNOWN
        raise
    finally:
        report(code)
