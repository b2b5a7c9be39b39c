"""Runs one statement of the product with psycopg for each call: the cost of grpcio and PostgreSQL alone.

`python -m bench.ceilings.statements CA CERTIFICATE KEY ACTIVATION_URL WECHAT_COOKIE_URL` prints its port. Each
method answers with the number of rows.
"""

import sys
import threading
from collections.abc import Callable

import psycopg
from google.protobuf.wrappers_pb2 import Int32Value, StringValue

from bench.ceilings.serving import Ceiling, serve, tls_files_of

LIST_COOKIES = """
SELECT id, token, owner_id, owner_email, created_time, expire_time, name, avatar_url, avatar_type, local,
       is_current, health, cooling_until, health_reason, health_time
  FROM cookies WHERE owner_id = %s AND expire_time > now() ORDER BY created_time DESC, id LIMIT 200
"""
GET_CODE = """
SELECT id, activation_code, valid_days, activation_status, user_email, account_id, expiry_date, activation_time,
       create_time, update_time
  FROM activation_codes WHERE activation_code = %s
"""

Connect = Callable[[], "psycopg.Connection[tuple[object, ...]]"]


def connections(url: str) -> Connect:
    """Returns a function that returns an autocommit connection for each thread."""
    local = threading.local()

    def connect() -> "psycopg.Connection[tuple[object, ...]]":
        if not hasattr(local, "connection"):
            local.connection = psycopg.connect(url, autocommit=True)
        connection: psycopg.Connection[tuple[object, ...]] = local.connection
        return connection

    return connect


def _select(connect: Connect, statement: str) -> Ceiling:
    def run(key: StringValue) -> Int32Value:
        return Int32Value(value=len(connect().execute(statement, (key.value,)).fetchall()))

    return Ceiling(run, StringValue, Int32Value)


def main() -> None:
    """Serves until SIGTERM."""
    activation, wechat_cookie = (connections(url) for url in sys.argv[4:])
    methods = {
        "ListCookies": _select(wechat_cookie, LIST_COOKIES),
        "GetCode": _select(activation, GET_CODE),
    }
    serve(methods, tls_files_of(sys.argv[1:]))


if __name__ == "__main__":
    main()
