"""The settings of traces, and a process that exports none."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from deploy.local.programs import ROOT
from services.chassis.tracing import spans
from services.chassis.tracing.settings import Collector, TracingSettings

COMPOSITIONS = (
    "services.identity.__main__",
    "services.activation.__main__",
    "services.wechat_cookie.__main__",
)
HASHING = "services.identity.passwords.worker_main"


def settings(endpoint: str, certificate: Path | None = None) -> TracingSettings:
    return TracingSettings(otel_exporter_otlp_endpoint=endpoint, otel_exporter_otlp_certificate=certificate)


def test_without_a_collector_nothing_of_opentelemetry_is_imported() -> None:
    program = (
        f"import importlib, sys\n"
        f"for name in {(*COMPOSITIONS, HASHING)!r}: importlib.import_module(name)\n"
        f"sys.exit(str([name for name in sys.modules if name.startswith('opentelemetry')] or ''))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.stderr == "\n"


def test_without_a_collector_there_are_no_spans() -> None:
    with spans.exporting("identity", settings("")), spans.server("a", "", {}) as span:
        span.set("b", 1)
        span.failed("c")
        assert not spans.are_exported()
        assert (spans.traceparent(), spans.trace_id()) == (None, None)


@pytest.mark.parametrize(
    ("endpoint", "collector"),
    [
        ("http://collector:4317", Collector("collector", 4317, None)),
        ("http://127.0.0.1/", Collector("127.0.0.1", 4317, None)),
        ("http://[::1]:1", Collector("::1", 1, None)),
        ("https://collector:1", Collector("collector", 1, Path(__file__))),
    ],
)
def test_a_collectors_address(endpoint: str, collector: Collector) -> None:
    assert settings(endpoint, Path(__file__)).collector == collector


@pytest.mark.parametrize(
    "endpoint",
    [
        "collector:4317",
        "ftp://collector",
        "http://",
        "http://a:b@collector:1",
        "http://collector:0",
        "http://collector:99999",
        "http://collector:1/v1/traces",
        "http://collector:1?a=b",
    ],
)
def test_what_is_no_collectors_address_is_refused(endpoint: str) -> None:
    with pytest.raises(ValidationError, match="otel_exporter_otlp_endpoint"):
        settings(endpoint)


def test_https_needs_an_authority(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="needs OTEL_EXPORTER_OTLP_CERTIFICATE"):
        settings("https://collector:4317")
    with pytest.raises(ValidationError, match="is not a file"):
        settings("https://collector:4317", tmp_path / "missing.pem")
