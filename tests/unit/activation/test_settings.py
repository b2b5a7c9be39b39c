"""Activation's settings: numbers that are out of bounds stop the start."""

from collections.abc import Mapping

import pytest

from services.activation.settings import ActivationSettings
from services.chassis.mutual_tls import TlsFiles
from services.chassis.settings import load


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("UNARY_THREADS", ("4", "512"), ("3", "513")),
        ("EXPORT_STALL_SECONDS", ("0.1", "600"), ("0.09", "600.1")),
        ("ACTIVATION_LIMIT_PER_ACCOUNT", ("1", "1000"), ("0", "1001")),
        ("ACTIVATION_LIMIT_PER_ADDRESS", ("1", "100000"), ("0", "100001")),
    ],
)
def test_a_number_has_bounds(
    monkeypatch: pytest.MonkeyPatch,
    certificates: Mapping[str, TlsFiles],
    name: str,
    good: tuple[str, ...],
    bad: tuple[str, ...],
) -> None:
    files = certificates["activation"]
    monkeypatch.setenv("TLS_CA_FILE", str(files.ca_file))
    monkeypatch.setenv("TLS_CERTIFICATE_FILE", str(files.certificate_file))
    monkeypatch.setenv("TLS_KEY_FILE", str(files.key_file))
    monkeypatch.setenv("ACTIVATION_DATABASE_URL", "postgresql://activation:pass@127.0.0.1:5432/activation")
    monkeypatch.setenv("AUDIT_KEY", "test-only-audit-key-5f2c9e71b8d04a36")
    for value in good:
        monkeypatch.setenv(name, value)
        assert getattr(load(ActivationSettings), name.lower()) == float(value)
    for value in bad:
        monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit):
            load(ActivationSettings)
