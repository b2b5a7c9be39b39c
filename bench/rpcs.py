"""Direct calls of the product's RPCs over mutual TLS, as load."""

import functools

from bench.bench import Bench, ServerProcess
from bench.load.connection import Connect, LoadConnection
from bench.load.frames import PreparedCall, grpc_call

GET_ME = "/fastmp.identity.v1.IdentityService/GetMe"
LOGIN = "/fastmp.identity.v1.IdentityService/Login"
ACTIVATE = "/fastmp.activation.v1.ActivationService/Activate"
GENERATE_CODES = "/fastmp.activation.v1.ActivationService/GenerateCodes"
GET_CODE = "/fastmp.activation.v1.ActivationService/GetCode"
LIST_COOKIES = "/fastmp.wechat_cookie.v1.WeChatCookieService/ListCookies"
# The load uses the gateway's certificate.
CALLER = "gateway"


def connecting(bench: Bench, server: ServerProcess, service: str) -> Connect:
    """Returns a function that connects to a server; its certificate has the name `service` (ceilings: identity)."""
    return functools.partial(LoadConnection, server.address, bench.stack.tls_files(CALLER), service)


def without_request(path: str, tokens: list[str]) -> list[PreparedCall]:
    """Returns a call of an RPC with an empty request for each token."""
    return [grpc_call(path, b"", token) for token in tokens]
