"""An authenticated call without a database query, compared with an echo on a bare server."""

from bench.bench import Bench, ServerProcess
from bench.ceilings.serving import path_of
from bench.load.driving import Run, drive, repeated
from bench.load.frames import PreparedCall, grpc_call
from bench.measurement import Result, at_least, interleave
from bench.rates import rate_result
from bench.rpcs import GET_ME, connecting, without_request
from fastmp.identity.v1 import identity_service_pb2 as pb

NUMBERS = (1,)
ACCOUNTS = 16
SECONDS = 2.0


def measure(bench: Bench) -> list[Result]:
    """Measures GetMe with a cached principal, 64 in flight, by direct gRPC over mutual TLS on one core."""
    bench.place(bench.stack)
    accounts = bench.accounts.active(ACCOUNTS)
    get_me = without_request(GET_ME, [account.token for account in accounts])
    answer = pb.Account(id=accounts[0].id, email=accounts[0].email, role="user", activation_status="active")
    echo = grpc_call(path_of("Echo"), answer.SerializeToString(), accounts[0].token)

    def run(server: ServerProcess, calls: list[PreparedCall]) -> Run:
        connect = connecting(bench, server, "identity")
        return drive(connect, repeated(calls), server.cpu_seconds, seconds=SECONDS)

    identity = bench.service("identity")
    with bench.ceiling("echo") as ceiling:
        runs = interleave(
            {"measured": lambda: run(identity, get_me), "ceiling": lambda: run(ceiling, [echo])}
        )
    return [rate_result(1, "GetMe", runs["measured"], runs["ceiling"], at_least(0.6))]
