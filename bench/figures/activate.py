"""Activate, beside its two statements and their commits alone."""

import itertools
from collections.abc import Iterator

from bench.bench import Bench, ServerProcess
from bench.ceilings.serving import path_of
from bench.codes import make_codes
from bench.load.driving import Run, drive
from bench.load.frames import PreparedCall, grpc_call
from bench.measurement import ROUNDS, Result, at_least, interleave
from bench.rates import rate_result
from bench.rpcs import ACTIVATE, connecting
from fastmp.activation.v1 import activation_service_pb2 as activation_pb
from fastmp.identity.v1 import identity_service_pb2 as identity_pb
from tests.support.ready_accounts import ReadyAccount

NUMBERS = (3,)
ACCOUNTS = 512
SECONDS = 2.0
# More than the ceiling takes in a run, at some 2,000 a second.
CODES_A_RUN = 8_000


def measure(bench: Bench) -> list[Result]:
    """Activate of new codes, 64 in flight, with Activation and Identity on one core.

    Every account comes back after all others have; by then its activation has made Activation ask Identity anew.
    """
    bench.place(bench.stack)
    urls = [bench.stack.database_url(name) for name in ("activation", "identity")]
    codes = iter(make_codes(urls[0], 2 * (ROUNDS + 1) * CODES_A_RUN))
    accounts = itertools.cycle(bench.accounts.pending(ACCOUNTS))

    def product() -> Run:
        server = bench.service("activation", "identity")
        return _run(bench, server, "activation", map(_activate, codes, accounts))

    with bench.ceiling("redemptions", *urls) as ceiling:

        def bare() -> Run:
            return _run(bench, ceiling, "identity", map(_redeem, codes, accounts))

        runs = interleave({"measured": product, "ceiling": bare})
    return [rate_result(3, "Activate", runs["measured"], runs["ceiling"], at_least(0.35))]


def _run(bench: Bench, server: ServerProcess, name: str, calls: Iterator[PreparedCall]) -> Run:
    connect = connecting(bench, server, name)
    return drive(connect, calls, server.cpu_seconds, seconds=SECONDS)


def _activate(code: str, account: ReadyAccount) -> PreparedCall:
    wanted = activation_pb.ActivateRequest(activation_code=code)
    return grpc_call(ACTIVATE, wanted.SerializeToString(), account.token)


def _redeem(code: str, account: ReadyAccount) -> PreparedCall:
    wanted = identity_pb.ApplyActivationRequest(account_id=account.id, activation_code=code)
    return grpc_call(path_of("Redeem"), wanted.SerializeToString(), account.token)
