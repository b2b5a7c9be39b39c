"""Calls by REST through the gateway, compared with the same calls by direct gRPC."""

import contextlib
import functools
from collections.abc import Callable
from dataclasses import dataclass

from bench.bench import Bench, ServerProcess
from bench.cookie_jars import save_cookies
from bench.load.connection import Connect, LoadConnection
from bench.load.driving import Run, drive, repeated
from bench.load.frames import PreparedCall, rest_call
from bench.measurement import Result, at_least, at_most, interleave, median
from bench.rates import rate_result
from bench.rpcs import GET_ME, LIST_COOKIES, connecting, without_request

NUMBERS = (4,)
OWNERS = 32
COOKIES_EACH = 3
SECONDS = 2.0
# Calls one after the other, for the latency without other load.
CALLS_ALONE = 200


def measure(bench: Bench) -> list[Result]:
    """Measures GetMe and ListCookies: the service on one core, Envoy and the load on the other.

    Calls a second with 64 in flight; the additional median latency, in milliseconds, with one at a time.
    """
    bench.place(bench.stack)
    owners = bench.accounts.active(OWNERS)
    save_cookies(bench.stack.database_url("wechat_cookie"), owners, COOKIES_EACH)
    tokens = [owner.token for owner in owners]
    ways = [
        _Both(bench, "GetMe", "identity", GET_ME, "/auth/me", tokens),
        _Both(bench, "ListCookies", "wechat_cookie", LIST_COOKIES, "/cookie/list", tokens),
    ]
    return [line for both in ways for line in both.measure()]


@dataclass(frozen=True)
class _Both:
    """One RPC, by REST and by direct gRPC."""

    bench: Bench
    what: str
    service: str
    rpc: str
    path: str
    tokens: list[str]

    def measure(self) -> list[Result]:
        server = self.bench.service(self.service)
        direct = connecting(self.bench, server, self.service)
        rest = functools.partial(LoadConnection, self.bench.stack.gateway_url.removeprefix("http://"))
        as_grpc = without_request(self.rpc, self.tokens)
        as_rest = [rest_call("GET", self.path, token=token) for token in self.tokens]
        rates = interleave(
            {"direct": _rate(direct, server, as_grpc), "gateway": _rate(rest, server, as_rest)}
        )
        alone = interleave({"direct": _alone(direct, as_grpc), "gateway": _alone(rest, as_rest)})
        direct_ms, gateway_ms = (1e3 * median(alone[way]) for way in ("direct", "gateway"))
        line = rate_result(4, f"{self.what} by REST", rates["gateway"], rates["direct"], at_least(0.7))
        excess = f"{gateway_ms:.2f} ms through the gateway, {direct_ms:.2f} ms direct"
        return [
            line,
            Result(
                4, f"{self.what} by REST, median", gateway_ms - direct_ms, None, "ms more", at_most(1), excess
            ),
        ]


def _rate(connect: Connect, server: ServerProcess, calls: list[PreparedCall]) -> Callable[[], Run]:
    return lambda: drive(connect, repeated(calls), server.cpu_seconds, seconds=SECONDS)


def _alone(connect: Connect, calls: list[PreparedCall]) -> Callable[[], float]:
    def run() -> float:
        with contextlib.closing(connect()) as connection:
            return median([connection.call(calls[turn % len(calls)]) for turn in range(CALLS_ALONE)])

    return run
