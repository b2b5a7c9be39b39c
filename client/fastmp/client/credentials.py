"""The credentials of a caller: the files of its certificate."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import grpc


@dataclass(frozen=True)
class TlsFiles:
    """Paths of PEM files: the trusted authority, the caller's certificate chain, and its key.

    The certificate identifies the caller by the SPIFFE id `spiffe://fastmp/<name>`; the option `callers` of an RPC
    in the protos lists the names that may call it.
    """

    ca_file: Path
    certificate_file: Path
    key_file: Path

    @classmethod
    def in_folder(cls, folder: Path, name: str) -> Self:
        """Returns the paths of ca.pem, `name`.pem and `name`.key, as in var/certificates after `make run`."""
        return cls(folder / "ca.pem", folder / f"{name}.pem", folder / f"{name}.key")


def channel_credentials(files: TlsFiles) -> grpc.ChannelCredentials:
    """Returns gRPC credentials from the files. Raises OSError if one cannot be read."""
    return grpc.ssl_channel_credentials(
        root_certificates=files.ca_file.read_bytes(),
        private_key=files.key_file.read_bytes(),
        certificate_chain=files.certificate_file.read_bytes(),
    )
