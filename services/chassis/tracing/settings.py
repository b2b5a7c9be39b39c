"""The settings of traces. Their names are OpenTelemetry's."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_PORT = 4317


def _none_if_empty(value: object) -> object:
    return value or None


def _is_collector(url: str) -> str:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    plain = parts.path in {"", "/"} and not (parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or not plain:
        raise ValueError("must be http://host:port or https://host:port")
    return url


def _is_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError("is not a file")
    return path.absolute()


@dataclass(frozen=True)
class Collector:
    """Where spans are sent. With `authority_file` by TLS, to a certificate of this authority for `host`."""

    host: str
    port: int
    authority_file: Path | None


class TracingSettings(BaseSettings):
    """The collector of traces, and the share of calls that are traced. Without a collector there are no traces."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    # http://host:port or https://host:port, where the collector receives OTLP over gRPC.
    otel_exporter_otlp_endpoint: Annotated[
        Annotated[str, AfterValidator(_is_collector)] | None, BeforeValidator(_none_if_empty)
    ] = None
    # The authority of the collector's certificate, for https.
    otel_exporter_otlp_certificate: Annotated[
        Annotated[Path, AfterValidator(_is_file)] | None, BeforeValidator(_none_if_empty)
    ] = None
    # Of calls that are not part of a trace yet.
    otel_traces_sampler_arg: float = Field(default=1.0, ge=0, le=1)

    @property
    def collector(self) -> Collector | None:
        """The collector's address, or None if there is none."""
        if self.otel_exporter_otlp_endpoint is None:
            return None
        url = urlsplit(self.otel_exporter_otlp_endpoint)
        return Collector(
            host=url.hostname or "",
            port=url.port or DEFAULT_PORT,
            authority_file=self.otel_exporter_otlp_certificate if url.scheme == "https" else None,
        )

    @model_validator(mode="after")
    def _has_authority(self) -> Self:
        url = self.otel_exporter_otlp_endpoint or ""
        if url.startswith("https:") and self.otel_exporter_otlp_certificate is None:
            raise ValueError("OTEL_EXPORTER_OTLP_ENDPOINT with https needs OTEL_EXPORTER_OTLP_CERTIFICATE")
        return self
