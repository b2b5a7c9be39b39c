"""Certificates for tests, made by the local stack's own authority code: real mutual TLS, valid for this run."""

import datetime
from collections.abc import Mapping

import pytest

from deploy.local.certificates import ensure_certificates, tls_files
from services.chassis.mutual_tls import TlsFiles

TRUSTED = (
    "identity",
    "activation",
    "wechat_cookie",
    "notifications",
    "gateway",
    "ops",
    "collector",
    "articles",
)
# Has an accepted name, but is signed by another authority.
STRANGER = "stranger"


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, TlsFiles]:
    """The TLS files of each process by its certificate's name.

    "stranger" has a certificate named "gateway" of an untrusted authority, though it trusts ours: it
    connects, and only the server's check of its certificate can refuse it.
    """
    now = datetime.datetime.now(datetime.UTC)
    ours = tmp_path_factory.mktemp("certificates")
    theirs = tmp_path_factory.mktemp("other-certificates")
    ensure_certificates(ours, TRUSTED, now)
    ensure_certificates(theirs, ["gateway"], now)
    files = {name: tls_files(ours, name) for name in TRUSTED}
    foreign = tls_files(theirs, "gateway")
    files[STRANGER] = TlsFiles(files["gateway"].ca_file, foreign.certificate_file, foreign.key_file)
    return files
