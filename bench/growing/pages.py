"""The last page of a long list compared with the first, and the cost of the total on the first."""

import datetime
import time

from sqlalchemy import select

from bench.load.connection import LoadConnection
from bench.load.frames import PreparedCall, grpc_call
from bench.measurement import Result, at_most, interleave, median
from bench.rpcs import CALLER
from deploy.local.stack import LocalStack
from fastmp.activation.v1 import activation_service_pb2 as pb
from services.activation.codes.listing import Filter, page_query, read_page
from services.activation.tables import activation_codes
from services.chassis.pages import DEFAULT_PAGE, Position, page_token
from services.chassis.postgres.database import Database

LIST_CODES = "/fastmp.activation.v1.ActivationService/ListCodes"
CALLS = 100


def measure_pages(stack: LocalStack, token: str) -> list[Result]:
    """Measures single calls by direct gRPC; and the total, which every page has, by its statements alone."""
    url = stack.database_url("activation")
    database = Database(url, pool_size=1)
    columns = (activation_codes.c.create_time, activation_codes.c.id)
    with database.reading() as connection:
        oldest = select(*columns).order_by(*columns).offset(DEFAULT_PAGE).limit(1)
        position = Position(*connection.execute(oldest).one())
    first, last = (
        grpc_call(LIST_CODES, request.SerializeToString(), token)
        for request in (pb.ListCodesRequest(), pb.ListCodesRequest(page_token=page_token(position)))
    )
    address, tls = stack.addresses("activation")[0], stack.tls_files(CALLER)
    caller = LoadConnection(address, tls, "activation")
    pages = interleave({"first": lambda: _calls(caller, first), "last": lambda: _calls(caller, last)})
    caller.close()
    totals = interleave({"with": lambda: _reads(database, True), "without": lambda: _reads(database, False)})
    database.dispose()
    return [
        Result(
            8,
            "ListCodes, last page by page_token beside the first",
            median(pages["last"]),
            median(pages["first"]),
            "ms",
            at_most(1.3),
        ),
        Result(
            8,
            "first page of codes with total beside without",
            median(totals["with"]),
            median(totals["without"]),
            "ms",
            at_most(3),
        ),
    ]


def _calls(caller: LoadConnection, call: PreparedCall) -> float:
    return 1e3 * median([caller.call(call) for _ in range(CALLS)])


def _reads(database: Database, with_total: bool) -> float:
    now = datetime.datetime.now(datetime.UTC)
    seconds = []
    for _ in range(CALLS):
        with database.snapshot() as connection:
            start = time.perf_counter()
            if with_total:
                read_page(connection, Filter(), DEFAULT_PAGE, 0, now)
            else:
                connection.execute(page_query(Filter(), DEFAULT_PAGE, 0, now)).all()
            seconds.append(time.perf_counter() - start)
    return 1e3 * median(seconds)
