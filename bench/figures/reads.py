"""Authenticated reads, compared with the same SELECT by the bare driver in a bare server."""

from collections.abc import Callable

from google.protobuf.wrappers_pb2 import StringValue

from bench.bench import Bench, ServerProcess
from bench.ceilings.serving import path_of
from bench.codes import make_codes
from bench.cookie_jars import save_cookies
from bench.load.driving import Run, drive, repeated
from bench.load.frames import PreparedCall, grpc_call
from bench.measurement import Result, at_least, interleave
from bench.rates import rate_result
from bench.rpcs import GET_CODE, LIST_COOKIES, connecting, without_request
from fastmp.activation.v1 import activation_service_pb2 as pb

NUMBERS = (2,)
OWNERS = 64
COOKIES_EACH = 3
CODES = 1000
SECONDS = 2.0


def measure(bench: Bench) -> list[Result]:
    """Measures ListCookies of three cookies, and GetCode, 64 in flight, by direct gRPC on one core."""
    bench.place(bench.stack)
    activation_url, cookie_url = (bench.stack.database_url(name) for name in ("activation", "wechat_cookie"))
    owners, admin = bench.accounts.active(OWNERS), bench.accounts.admin()
    save_cookies(cookie_url, owners, COOKIES_EACH)
    codes = make_codes(activation_url, CODES)
    list_cookies = without_request(LIST_COOKIES, [owner.token for owner in owners])
    get_code = [
        grpc_call(GET_CODE, pb.GetCodeRequest(activation_code=code).SerializeToString(), admin.token)
        for code in codes
    ]
    with bench.ceiling("statements", activation_url, cookie_url) as ceiling:
        load = _Load(bench)
        runs = interleave(
            {
                "ListCookies": load.of("wechat_cookie", list_cookies),
                "the SELECT of ListCookies": load.at(ceiling, "ListCookies", [one.id for one in owners]),
                "GetCode": load.of("activation", get_code),
                "the SELECT of GetCode": load.at(ceiling, "GetCode", codes),
            }
        )
    return [
        rate_result(2, what, runs[what], runs[f"the SELECT of {what}"], at_least(0.55))
        for what in ("ListCookies", "GetCode")
    ]


class _Load:
    """Runs load on the services and on their ceiling."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def of(self, service: str, calls: list[PreparedCall]) -> Callable[[], Run]:
        """Returns a function that runs `calls` on a service."""
        return lambda: self._run(self._bench.service(service), service, calls)

    def at(self, ceiling: ServerProcess, method: str, keys: list[str]) -> Callable[[], Run]:
        """Returns a function that calls a method of the ceiling, with a token that it ignores."""
        token = self._bench.accounts.admin().token
        calls = [
            grpc_call(path_of(method), StringValue(value=key).SerializeToString(), token) for key in keys
        ]
        return lambda: self._run(ceiling, "identity", calls)

    def _run(self, server: ServerProcess, name: str, calls: list[PreparedCall]) -> Run:
        connect = connecting(self._bench, server, name)
        return drive(connect, repeated(calls), server.cpu_seconds, seconds=SECONDS)
