"""Translates exceptions of `requests` and urllib3 into the client's errors."""

import http.client
import ssl

import requests.exceptions
import urllib3.exceptions

from services.wechat_cookie.mp.errors import (
    AnswerTimeoutError,
    BadAnswerError,
    DroppedError,
    MpError,
    UnreachableError,
)

# By OpenSSL's error numbers, because its messages may contain the host.
_CERTIFICATES = {
    9: "certificate_not_yet_valid",
    10: "certificate_expired",
    18: "certificate_of_unknown_authority",
    19: "certificate_of_unknown_authority",
    20: "certificate_of_unknown_authority",
    21: "certificate_of_unknown_authority",
    62: "certificate_of_another_host",
    64: "certificate_of_another_host",
}


def failure_of(error: Exception) -> MpError:  # noqa: PLR0911 - each kind of failure is one case.
    """Returns the error for the exception of an exchange, without its text, which contains the URL."""
    match error, _innermost(error):
        case requests.exceptions.ProxyError(), _:
            return UnreachableError("proxy")
        case requests.exceptions.SSLError(), ssl.SSLCertVerificationError(verify_code=code):
            return UnreachableError("tls", _CERTIFICATES.get(code, f"certificate_refused_{code}"))
        case requests.exceptions.SSLError(), _:
            return UnreachableError("tls", "no_handshake")
        case ((requests.exceptions.ReadTimeout() | urllib3.exceptions.ReadTimeoutError()), _):
            return AnswerTimeoutError()
        case _, urllib3.exceptions.NameResolutionError():
            return UnreachableError("dns")
        case _, (urllib3.exceptions.NewConnectionError() | urllib3.exceptions.ConnectTimeoutError()):
            return UnreachableError("connect")
        # Before HTTPException, of which the first two are subclasses.
        case _, (http.client.RemoteDisconnected() | http.client.IncompleteRead() | OSError()):
            return DroppedError()
        case _:
            # Malformed status lines, headers and chunks, which come as HTTPException, ProtocolError or ValueError.
            return BadAnswerError("not_http")


def _innermost(error: BaseException) -> BaseException:
    """Returns the error that `requests` and urllib3 wrapped, as an argument or as a reason."""
    while True:
        inner = getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((part for part in error.args if isinstance(part, BaseException)), None)
        if inner is None:
            return error
        error = inner
