"""The translation of what `requests` and urllib3 raise into the client's own errors."""

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


def failure_of(error: Exception) -> MpError:  # noqa: PLR0911 - each kind of failure is one case.
    """What an exchange that ended in `error` means. The result holds nothing of it: its text has the address."""
    match error, _innermost(error):
        case requests.exceptions.ProxyError(), _:
            return UnreachableError("proxy")
        case requests.exceptions.SSLError(), ssl.SSLCertVerificationError(verify_code=code):
            # OpenSSL's number, as verify_message may name the host. 10: expired, 18 to 20: authority not known.
            return UnreachableError("tls", f"certificate not valid, OpenSSL verify code {code}")
        case requests.exceptions.SSLError(), _:
            return UnreachableError("tls", "no TLS handshake")
        case ((requests.exceptions.ReadTimeout() | urllib3.exceptions.ReadTimeoutError()), _):
            return AnswerTimeoutError()
        case _, urllib3.exceptions.NameResolutionError():
            return UnreachableError("dns")
        case _, (urllib3.exceptions.NewConnectionError() | urllib3.exceptions.ConnectTimeoutError()):
            return UnreachableError("connect")
        # Before HTTPException, of which the first two are kinds as well.
        case _, (http.client.RemoteDisconnected() | http.client.IncompleteRead() | OSError()):
            return DroppedError()
        case _:
            # Malformed status lines, headers and chunks, which come as HTTPException, ProtocolError or ValueError.
            return BadAnswerError("not_http")


def _innermost(error: BaseException) -> BaseException:
    """The error that `requests` and urllib3 wrapped, as an argument or as the reason of giving up."""
    while True:
        inner = getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((part for part in error.args if isinstance(part, BaseException)), None)
        if inner is None:
            return error
        error = inner
