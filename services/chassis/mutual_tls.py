"""Mutual TLS between processes: every server and every caller shows a certificate that names it.

The name is the last part of the certificate's SPIFFE id, `spiffe://fastmp/<name>` (a URI in the subject
alternative names); callers check it by the DNS name of the same spelling. Certificates are renewed while processes
run: new connections use what the files hold when they are made.
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
    """Paths of PEM files: the authority that is believed, this process's certificate chain and its key."""

    ca_file: Path
    certificate_file: Path
    key_file: Path


@dataclass(frozen=True)
class TlsContent:
    """What the files of a TlsFiles hold."""

    ca: bytes
    certificate: bytes
    key: bytes = field(repr=False)

    @classmethod
    def read(cls, files: TlsFiles) -> "TlsContent":
        """Raises OSError when a file cannot be read."""
        return cls(
            files.ca_file.read_bytes(), files.certificate_file.read_bytes(), files.key_file.read_bytes()
        )

    def is_usable(self) -> bool:
        """Whether the key is the certificate's: between the replacements of two files it is not."""
        try:
            certificate = x509.load_pem_x509_certificate(self.certificate)
            x509.load_pem_x509_certificates(self.ca)
            return load_pem_private_key(self.key, None).public_key() == certificate.public_key()
        except (ValueError, TypeError):
            return False

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Credentials of a caller."""
        return grpc.ssl_channel_credentials(
            root_certificates=self.ca, private_key=self.key, certificate_chain=self.certificate
        )


class WatchedTlsFiles:
    """The content of TLS files and, when they are replaced, the new content. Thread-safe."""

    def __init__(self, files: TlsFiles) -> None:
        """Raises OSError when a file cannot be read."""
        self._files = files
        self._lock = threading.Lock()
        self._seen = self._state()
        self.content = TlsContent.read(files)

    def renewed(self) -> TlsContent | None:
        """The new content, once, when the files have been replaced by others that fit together; otherwise None."""
        with self._lock:
            try:
                state = self._state()
                if state == self._seen:
                    return None
                content = TlsContent.read(self._files)
            except OSError:
                # A file is missing for a moment. What was read before still serves.
                return None
            if not content.is_usable():
                return None
            self._seen, self.content = state, content
            return content

    def _state(self) -> tuple[tuple[int, int], ...]:
        files = (self._files.ca_file, self._files.certificate_file, self._files.key_file)
        return tuple((found.st_mtime_ns, found.st_ino) for found in (file.stat() for file in files))


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Credentials, for one port, of a server that refuses callers without a certificate of the authority.

    Renewed files count from the next connection on. Raises OSError when a file cannot be read.
    """
    watched = WatchedTlsFiles(files)

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        content = watched.renewed()
        return None if content is None else _server_configuration(content)

    return grpc.dynamic_ssl_server_credentials(
        _server_configuration(watched.content),
        # None keeps what there is; the stubs do not know it.
        renewed,  # type: ignore[arg-type]
        require_client_authentication=True,
    )


def _server_configuration(content: TlsContent) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(content.key, content.certificate)], root_certificates=content.ca
    )


def channel_credentials(files: TlsFiles) -> grpc.ChannelCredentials:
    """Credentials of a caller, from what the files hold now. Raises OSError when a file cannot be read."""
    return TlsContent.read(files).channel_credentials()


def peer_name(context: grpc.ServicerContext) -> str:
    """The name in the caller's certificate; empty when it has none of this trust domain."""
    for value in context.auth_context().get("peer_spiffe_id", ()):
        name = bytes(value).decode("ascii", "replace")
        if name.startswith(TRUST_DOMAIN):
            return name.removeprefix(TRUST_DOMAIN)
    return ""
