"""Mutual TLS between processes: servers and callers have certificates with their names.

The name is the last part of the certificate's SPIFFE id, `spiffe://fastmp/<name>`, a URI in the subject alternative
names; callers check the DNS name, which is the same. Certificates are renewed while processes run: new connections
use the renewed files.
"""

import threading
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

TRUST_DOMAIN = "spiffe://fastmp/"


@dataclass(frozen=True)
class TlsFiles:
    """Paths of PEM files: the trusted authority, the certificate chain of this process, and its key."""

    ca_file: Path
    certificate_file: Path
    key_file: Path


@dataclass(frozen=True)
class TlsContent:
    """The content of the files of a TlsFiles."""

    ca: bytes
    certificate: bytes
    key: bytes = field(repr=False)

    @classmethod
    def read(cls, files: TlsFiles) -> "TlsContent":
        """Reads the files. Raises OSError if one cannot be read."""
        return cls(
            files.ca_file.read_bytes(), files.certificate_file.read_bytes(), files.key_file.read_bytes()
        )

    def is_usable(self) -> bool:
        """Returns whether the key matches the certificate. While files are being replaced, it may not."""
        try:
            certificate = x509.load_pem_x509_certificate(self.certificate)
            x509.load_pem_x509_certificates(self.ca)
            return load_pem_private_key(self.key, None).public_key() == certificate.public_key()
        except (ValueError, TypeError):
            return False

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Returns the credentials of a caller."""
        return grpc.ssl_channel_credentials(
            root_certificates=self.ca, private_key=self.key, certificate_chain=self.certificate
        )


class WatchedTlsFiles:
    """The content of TLS files and, when they are replaced, the new content. Thread-safe."""

    def __init__(self, files: TlsFiles) -> None:
        """Reads the files. Raises OSError if one cannot be read."""
        self._files = files
        self._lock = threading.Lock()
        self._seen = self._state()
        self.content = TlsContent.read(files)

    def renewed(self) -> TlsContent | None:
        """Returns the new content, once, after the files were replaced by usable ones; otherwise None."""
        with self._lock:
            try:
                state = self._state()
                if state == self._seen:
                    return None
                content = TlsContent.read(self._files)
            except OSError:
                # A file is being replaced.
                return None
            if not content.is_usable():
                return None
            self._seen, self.content = state, content
            return content

    def _state(self) -> tuple[tuple[int, int], ...]:
        files = (self._files.ca_file, self._files.certificate_file, self._files.key_file)
        return tuple((found.st_mtime_ns, found.st_ino) for found in (file.stat() for file in files))


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Returns credentials, for one port, of a server that refuses callers without a certificate of the authority.

    New connections use renewed files. Raises OSError if a file cannot be read.
    """
    watched = WatchedTlsFiles(files)

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        content = watched.renewed()
        return None if content is None else _server_configuration(content)

    return grpc.dynamic_ssl_server_credentials(
        _server_configuration(watched.content),
        # None, which the stubs lack, keeps the present configuration.
        renewed,  # type: ignore[arg-type]
        require_client_authentication=True,
    )


def _server_configuration(content: TlsContent) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(content.key, content.certificate)], root_certificates=content.ca
    )


def channel_credentials(files: TlsFiles) -> grpc.ChannelCredentials:
    """Returns the credentials of a caller, read from the files. Raises OSError if one cannot be read."""
    return TlsContent.read(files).channel_credentials()


def peer_name(context: grpc.ServicerContext) -> str:
    """Returns the name in the caller's certificate, or an empty string without one of this trust domain."""
    for value in context.auth_context().get("peer_spiffe_id", ()):
        name = bytes(value).decode("ascii", "replace")
        if name.startswith(TRUST_DOMAIN):
            return name.removeprefix(TRUST_DOMAIN)
    return ""
