"""`python -m services.chassis.grpc_server.probe identity 127.0.0.1:9051`: exits 0 if the service is SERVING.

For health checks of containers: the gRPC probe of Kubernetes does not support TLS. Reads the TLS_… settings.
"""

import sys

import grpc
from grpc_health.v1 import health_pb2

from services.chassis.channels import channel
from services.chassis.mutual_tls import TlsFiles
from services.chassis.settings import TlsSettings, load

TIMEOUT_SECONDS = 3.0


def serves(service: str, operations_address: str, tls: TlsFiles, timeout_seconds: float) -> bool:
    """Returns whether the service answers SERVING on its operations port within the timeout."""
    with channel(operations_address, service, tls) as connection:
        check = connection.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            answer = check(health_pb2.HealthCheckRequest(), timeout=timeout_seconds)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def main() -> int:
    """Returns the exit status: 0 if the service is serving, otherwise 1."""
    service, address = sys.argv[1:]
    return 0 if serves(service, address, load(TlsSettings).tls_files, TIMEOUT_SECONDS) else 1


if __name__ == "__main__":
    sys.exit(main())
