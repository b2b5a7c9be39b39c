"""Returns the request: the cost of grpcio itself for a message like the answer of GetMe.

`python -m bench.ceilings.echo CA CERTIFICATE KEY` prints its port.
"""

import sys

from bench.ceilings.serving import Ceiling, serve, tls_files_of
from fastmp.identity.v1 import identity_service_pb2 as pb


def main() -> None:
    """Serves until SIGTERM."""
    serve({"Echo": Ceiling(lambda account: account, pb.Account, pb.Account)}, tls_files_of(sys.argv[1:]))


if __name__ == "__main__":
    main()
