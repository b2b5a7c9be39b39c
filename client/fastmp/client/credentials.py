"""Who a caller is: the files of its certificate."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import grpc


@dataclass(frozen=True)
class TlsFiles:
    """Paths of PEM files: the authority that is believed, the caller's certificate chain, and its key.

    The certificate names the caller by its SPIFFE id `spiffe://fastmp/<name>`; each RPC's comment in the protos
    says which names may call it.
    """

    ca_file: Path
    certificate_file: Path
    key_file: Path

    @classmethod
    def in_folder(cls, folder: Path, name: str) -> Self:
        """The files ca.pem, `name`.pem and `name`.key, as `make run` keeps them in var/certificates."""
        return cls(folder / "ca.pem", folder / f"{name}.pem", folder / f"{name}.key")


def channel_credentials(files: TlsFiles) -> grpc.ChannelCredentials:
    """Credentials of a certificate. Raises OSError when a file cannot be read."""
    return grpc.ssl_channel_credentials(
        root_certificates=files.ca_file.read_bytes(),
        private_key=files.key_file.read_bytes(),
        certificate_chain=files.certificate_file.read_bytes(),
    )
