"""Certificates as secrets in files (SDS), which Envoy reads again when the files are replaced.

Envoy watches the folders, and uses a new certificate and its key once the two match.
"""

from collections.abc import Mapping
from pathlib import Path

from gateway.envoy.extensions import Config, typed
from gateway.settings import GatewaySettings

# The gateway's client certificate for calls to services, the authority of the services, the certificate for HTTPS.
OWN, AUTHORITY, PUBLIC = "own_certificate", "authority", "public_certificate"


def secret_files(settings: GatewaySettings) -> Mapping[str, Config]:
    """Returns the contents of the secret files by the name of the secret."""
    secrets = {
        OWN: _certificate(settings.tls_certificate_file, settings.tls_key_file),
        AUTHORITY: {
            "validation_context": {
                "trusted_ca": {"filename": str(settings.tls_ca_file.absolute())},
                "watched_directory": {"path": str(settings.tls_ca_file.absolute().parent)},
            }
        },
    }
    if settings.gateway_tls_certificate_file and settings.gateway_tls_key_file:
        secrets[PUBLIC] = _certificate(settings.gateway_tls_certificate_file, settings.gateway_tls_key_file)
    return {
        name: {"resources": [typed("envoy.extensions.transport_sockets.tls.v3.Secret", name=name, **secret)]}
        for name, secret in secrets.items()
    }


def secret_file(folder: Path, name: str) -> Path:
    """Returns the path of the secret's file in `folder`."""
    return folder.absolute() / f"{name}.yaml"


def reference(folder: Path, name: str) -> Config:
    """Returns a TLS context's reference to the secret."""
    source = {"path_config_source": {"path": str(secret_file(folder, name))}, "resource_api_version": "V3"}
    return {"name": name, "sds_config": source}


def _certificate(certificate: Path, key: Path) -> Config:
    return {
        "tls_certificate": {
            "certificate_chain": {"filename": str(certificate.absolute())},
            "private_key": {"filename": str(key.absolute())},
            "watched_directory": {"path": str(certificate.absolute().parent)},
        }
    }
