"""The throw-away authority: what the certificates say, when they are renewed, and who can read the keys."""

import datetime
import ipaddress
import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest
from cryptography import x509

from deploy.local.certificates import (
    AUTHORITY_LIFETIME,
    AUTHORITY_OVERLAP,
    LEAF_LIFETIME,
    RENEW_BEFORE,
    ensure_certificates,
    tls_files,
)
from services.chassis.mutual_tls import TlsFiles

NOW = datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC)
NAMES = ("identity", "wechat_cookie")


def certificate(directory: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(tls_files(directory, name).certificate_file.read_bytes())


def serials(directory: Path) -> dict[str, int]:
    return {name: certificate(directory, name).serial_number for name in NAMES}


def test_a_certificate_names_its_process_as_uri_and_dns_and_the_loopback_addresses(tmp_path: Path) -> None:
    ensure_certificates(tmp_path, NAMES, NOW)
    names = certificate(tmp_path, "wechat_cookie").extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.UniformResourceIdentifier) == [
        "spiffe://fastmp/wechat_cookie"
    ]
    assert names.value.get_values_for_type(x509.DNSName) == ["wechat_cookie", "localhost"]
    assert ipaddress.ip_address("127.0.0.1") in names.value.get_values_for_type(x509.IPAddress)


def test_certificates_are_kept_until_they_end_soon(tmp_path: Path) -> None:
    ensure_certificates(tmp_path, NAMES, NOW)
    first = serials(tmp_path)
    last_moment = NOW + LEAF_LIFETIME - RENEW_BEFORE
    ensure_certificates(tmp_path, NAMES, last_moment)
    assert serials(tmp_path) == first
    ensure_certificates(tmp_path, NAMES, last_moment + datetime.timedelta(seconds=1))
    renewed = serials(tmp_path)
    assert set(renewed.values()).isdisjoint(first.values())


def test_a_new_name_gets_a_certificate_and_the_others_stay(tmp_path: Path) -> None:
    ensure_certificates(tmp_path, NAMES, NOW)
    first = serials(tmp_path)
    ensure_certificates(tmp_path, (*NAMES, "gateway"), NOW)
    assert serials(tmp_path) == first
    certificate(tmp_path, "gateway").verify_directly_issued_by(certificate(tmp_path, "ca"))


@pytest.mark.parametrize("damage", ["ca.key", "ca.pem"])
def test_a_lost_authority_renews_every_certificate(tmp_path: Path, damage: str) -> None:
    ensure_certificates(tmp_path, NAMES, NOW)
    first = serials(tmp_path)
    (tmp_path / damage).unlink()
    ensure_certificates(tmp_path, NAMES, NOW)
    assert set(serials(tmp_path).values()).isdisjoint(first.values())
    for name in NAMES:
        certificate(tmp_path, name).verify_directly_issued_by(certificate(tmp_path, "ca"))


def test_a_renewed_authority_is_believed_beside_the_former_one_before_it_issues_certificates(
    tmp_path: Path,
) -> None:
    """So that at no moment a running process sees a certificate of an authority that it has not read yet."""
    ensure_certificates(tmp_path, NAMES, NOW)
    before_the_end = NOW + AUTHORITY_LIFETIME - RENEW_BEFORE - datetime.timedelta(seconds=1)
    ensure_certificates(tmp_path, NAMES, before_the_end)
    former, leaves = certificate(tmp_path, "ca"), serials(tmp_path)

    renewal = NOW + AUTHORITY_LIFETIME - RENEW_BEFORE + datetime.timedelta(seconds=1)
    ensure_certificates(tmp_path, NAMES, renewal)
    believed = x509.load_pem_x509_certificates((tmp_path / "ca.pem").read_bytes())
    assert [one == former for one in believed] == [False, True]
    assert serials(tmp_path) == leaves

    ensure_certificates(tmp_path, NAMES, renewal + AUTHORITY_OVERLAP)
    assert set(serials(tmp_path).values()).isdisjoint(leaves.values())
    for name in NAMES:
        certificate(tmp_path, name).verify_directly_issued_by(believed[0])
    assert x509.load_pem_x509_certificates((tmp_path / "ca.pem").read_bytes()) == believed


def test_a_certificate_that_has_ended_does_not_wait_for_a_renewed_authority(tmp_path: Path) -> None:
    ensure_certificates(tmp_path, NAMES, NOW)
    ensure_certificates(tmp_path, NAMES, NOW + AUTHORITY_LIFETIME)
    for name in NAMES:
        certificate(tmp_path, name).verify_directly_issued_by(certificate(tmp_path, "ca"))


@pytest.mark.parametrize("file", ["identity.key", "identity.pem"])
def test_a_damaged_file_renews_its_own_certificate_only(tmp_path: Path, file: str) -> None:
    ensure_certificates(tmp_path, NAMES, NOW)
    first = serials(tmp_path)
    (tmp_path / file).write_text("not a PEM file")
    ensure_certificates(tmp_path, NAMES, NOW)
    now = serials(tmp_path)
    assert now["identity"] != first["identity"]
    assert now["wechat_cookie"] == first["wechat_cookie"]


def test_a_key_of_another_certificate_counts_as_damaged(tmp_path: Path) -> None:
    ensure_certificates(tmp_path, NAMES, NOW)
    (tmp_path / "identity.key").write_bytes((tmp_path / "wechat_cookie.key").read_bytes())
    ensure_certificates(tmp_path, NAMES, NOW)
    assert (tmp_path / "identity.key").read_bytes() != (tmp_path / "wechat_cookie.key").read_bytes()


def test_only_the_owner_can_read_the_keys(tmp_path: Path) -> None:
    ensure_certificates(tmp_path, NAMES, NOW)
    files = [path for path in tmp_path.iterdir() if path.suffix == ".key"]
    assert len(files) == len(NAMES) + 1
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def context(purpose: ssl.Purpose, files: TlsFiles) -> ssl.SSLContext:
    made = ssl.create_default_context(purpose, cafile=str(files.ca_file))
    made.load_cert_chain(files.certificate_file, files.key_file)
    made.verify_mode = ssl.CERT_REQUIRED
    return made


def test_two_processes_shake_hands_with_them(tmp_path: Path) -> None:
    ensure_certificates(tmp_path, NAMES, datetime.datetime.now(datetime.UTC))
    server_side, client_side = socket.socketpair()
    server_context = context(ssl.Purpose.CLIENT_AUTH, tls_files(tmp_path, "identity"))
    client_context = context(ssl.Purpose.SERVER_AUTH, tls_files(tmp_path, "wechat_cookie"))

    def serve() -> None:
        with server_context.wrap_socket(server_side, server_side=True) as server:
            server.sendall(b"hello")

    serving = threading.Thread(target=serve)
    serving.start()
    with client_context.wrap_socket(client_side, server_hostname="identity") as client:
        assert client.recv(5) == b"hello"
    serving.join()
