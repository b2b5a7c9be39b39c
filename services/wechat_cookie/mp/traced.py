"""Spans of the requests to WeChat, by kind. They hold no URL, cookie or token."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from services.chassis.tracing import spans
from services.wechat_cookie.mp.errors import HttpStatusError, MpError, RetError

_P = ParamSpec("_P")
_R = TypeVar("_R")


def traced(method: Callable[_P, _R]) -> Callable[_P, _R]:
    """Returns a method of MpClient, whose name is the kind of its request, with a span around each call.

    Nothing is added to the request: WeChat must not see the trace.
    """
    name = f"WeChat {method.__name__}"
    attributes = {"wechat.request": method.__name__}

    @functools.wraps(method)
    def request(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with spans.client(name, attributes) as span:
            try:
                return method(*args, **kwargs)
            except MpError as error:
                span.failed(error.reason)
                _describe(span, error)
                raise

    return request


def _describe(span: spans.Span, error: MpError) -> None:
    if error.failed_part is not None:
        span.set("wechat.failed_part", error.failed_part)
    if isinstance(error, RetError):
        span.set("wechat.ret", error.ret)
    if isinstance(error, HttpStatusError):
        span.set("http.response.status_code", error.status)
