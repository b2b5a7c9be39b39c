"""Takes a code and gives its days to an account by two bare statements, each with its commit, in one process.

`python -m bench.ceilings.redemptions CA CERTIFICATE KEY ACTIVATION_URL IDENTITY_URL` prints its port.
"""

import sys

from google.protobuf.wrappers_pb2 import Int32Value

from bench.ceilings.serving import Ceiling, serve, tls_files_of
from bench.ceilings.statements import Connect, connections
from fastmp.identity.v1 import identity_service_pb2 as pb

TAKE = """
UPDATE activation_codes
   SET activation_status = 'active', account_id = %(account)s, user_email = 'bench@example.com',
       activation_time = update_time, expiry_date = update_time
 WHERE activation_code = %(code)s AND activation_status = 'pending' RETURNING id, expiry_date
"""
GIVE = """
UPDATE accounts
   SET activation_code = %(code)s, activation_status = 'active', expired_time = now(), updated_at = now()
 WHERE id = %(account)s RETURNING email
"""


def _redeem(activation: Connect, identity: Connect) -> Ceiling:
    def run(wanted: pb.ApplyActivationRequest) -> Int32Value:
        values = {"account": wanted.account_id, "code": wanted.activation_code}
        taken = activation().execute(TAKE, values).fetchall()
        given = identity().execute(GIVE, values).fetchall()
        return Int32Value(value=len(taken) + len(given))

    return Ceiling(run, pb.ApplyActivationRequest, Int32Value)


def main() -> None:
    """Answers until SIGTERM."""
    activation, identity = (connections(url) for url in sys.argv[4:])
    serve({"Redeem": _redeem(activation, identity)}, tls_files_of(sys.argv[1:]))


if __name__ == "__main__":
    main()
