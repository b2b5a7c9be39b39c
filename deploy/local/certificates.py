"""A local certificate authority and one certificate for each process that takes part in mutual TLS."""

import datetime
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.local.private_files import write_private
from services.chassis.mutual_tls import TRUST_DOMAIN, TlsFiles

AUTHORITY = "ca"
AUTHORITY_LIFETIME = datetime.timedelta(days=365)
LEAF_LIFETIME = datetime.timedelta(days=90)
RENEW_BEFORE = datetime.timedelta(days=30)
# Running processes load a new authority at their next connection, and the gateway within seconds. Certificates are
# issued by it only after all processes have had time to load it.
AUTHORITY_OVERLAP = datetime.timedelta(days=1)
# A machine whose clock is slightly behind must not refuse a new certificate.
CLOCK_SKEW = datetime.timedelta(minutes=5)


@dataclass(frozen=True)
class _Issued:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    # Of an authority: the previous ones that are still trusted.
    former: tuple[x509.Certificate, ...] = ()


def tls_files(directory: Path, name: str) -> TlsFiles:
    """Returns the paths of the files of `name` that `ensure_certificates` writes."""
    return TlsFiles(directory / f"{AUTHORITY}.pem", directory / f"{name}.pem", directory / f"{name}.key")


def ensure_certificates(directory: Path, names: Iterable[str], now: datetime.datetime) -> None:
    """Issues or renews the authority and a certificate for each of `names` in `directory`, which must exist.

    Certificates that are valid for at least `RENEW_BEFORE` are kept. A certificate has `spiffe://fastmp/<name>`,
    the DNS names `<name>` and `localhost`, and the loopback addresses, for both ends of a connection. Processes may
    be running: a renewed authority is trusted together with the previous one for `AUTHORITY_OVERLAP` before
    certificates are issued by it. Every file has mode 0600. Raises OSError if a file cannot be read or written.
    """
    authority = _load(directory, AUTHORITY)
    if authority is None or _ends_soon(authority, now):
        authority = _issue_authority(now, authority)
        _store(directory, AUTHORITY, authority)
    for name in names:
        leaf = _load(directory, name)
        if leaf is None or _is_due(leaf, authority, now):
            _store(directory, name, _issue_leaf(name, authority, now))


def _is_due(leaf: _Issued, authority: _Issued, now: datetime.datetime) -> bool:
    end = leaf.certificate.not_valid_after_utc
    is_trusted = any(_is_issued_by(leaf, one) for one in (authority.certificate, *authority.former))
    if not is_trusted or end < now + AUTHORITY_OVERLAP:
        return True
    is_loaded_everywhere = (
        not authority.former or authority.certificate.not_valid_before_utc + AUTHORITY_OVERLAP <= now
    )
    return is_loaded_everywhere and (_ends_soon(leaf, now) or not _is_issued_by(leaf, authority.certificate))


def _issue_authority(now: datetime.datetime, before: _Issued | None) -> _Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name("FastMP local authority")
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    builder = _builder(subject, subject, key, now, AUTHORITY_LIFETIME)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(usage, critical=True)
    known = () if before is None else (before.certificate, *before.former)
    former = tuple(one for one in known if one.not_valid_after_utc > now)
    return _Issued(builder.sign(key, hashes.SHA256()), key, former)


def _issue_leaf(name: str, authority: _Issued, now: datetime.datetime) -> _Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")]
    identifier = x509.UniformResourceIdentifier(TRUST_DOMAIN + name)
    alternatives = [identifier, x509.DNSName(name), x509.DNSName("localhost"), *addresses]
    both_ends = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    issuer = authority.certificate.subject
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = _builder(_name(name), issuer, key, now, LEAF_LIFETIME)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage(both_ends), critical=False)
    builder = builder.add_extension(signer, critical=False)
    return _Issued(builder.sign(authority.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime.datetime,
    lifetime: datetime.timedelta,
) -> x509.CertificateBuilder:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + lifetime)
        .add_extension(identifier, critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _ends_soon(issued: _Issued, now: datetime.datetime) -> bool:
    return issued.certificate.not_valid_after_utc < now + RENEW_BEFORE


def _is_issued_by(leaf: _Issued, authority: x509.Certificate) -> bool:
    try:
        leaf.certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _store(directory: Path, name: str, issued: _Issued) -> None:
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    key = issued.key.private_bytes(pem, form, serialization.NoEncryption())
    write_private(directory / f"{name}.key", key)
    chain = b"".join(one.public_bytes(pem) for one in (issued.certificate, *issued.former))
    write_private(directory / f"{name}.pem", chain)


def _load(directory: Path, name: str) -> _Issued | None:
    """Returns the certificate and key stored as `name`, or None if they are missing, damaged, or do not match."""
    try:
        chain = (directory / f"{name}.pem").read_bytes()
        certificate, *former = x509.load_pem_x509_certificates(chain)
        key = serialization.load_pem_private_key((directory / f"{name}.key").read_bytes(), None)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return None
    return _Issued(certificate, key, tuple(former))
