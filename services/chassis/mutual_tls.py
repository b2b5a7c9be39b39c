"""Mutual TLS between processes: every server and every caller shows a certificate that names it.

The name is the last part of the certificate's SPIFFE id, `spiffe://fastmp/<name>` (a URI in the subject
alternative names); callers check it by the DNS name of the same spelling.
"""

from dataclasses import dataclass
from pathlib import Path

import grpc

TRUST_DOMAIN = "spiffe://fastmp/"


@dataclass(frozen=True)
class TlsFiles:
    """Paths of PEM files: the authority that is believed, this process's certificate chain and its key."""

    ca_file: Path
    certificate_file: Path
    key_file: Path


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Credentials of a server that turns away whoever shows no certificate of the authority.

    Raises OSError when a file cannot be read.
    """
    return grpc.ssl_server_credentials(
        [(files.key_file.read_bytes(), files.certificate_file.read_bytes())],
        root_certificates=files.ca_file.read_bytes(),
        require_client_auth=True,
    )


def channel_credentials(files: TlsFiles) -> grpc.ChannelCredentials:
    """Credentials of a caller. Raises OSError when a file cannot be read."""
    return grpc.ssl_channel_credentials(
        root_certificates=files.ca_file.read_bytes(),
        private_key=files.key_file.read_bytes(),
        certificate_chain=files.certificate_file.read_bytes(),
    )


def peer_name(context: grpc.ServicerContext) -> str:
    """The name in the caller's certificate; empty when it has none of ours."""
    for value in context.auth_context().get("peer_spiffe_id", ()):
        name = bytes(value).decode("ascii", "replace")
        if name.startswith(TRUST_DOMAIN):
            return name.removeprefix(TRUST_DOMAIN)
    return ""
