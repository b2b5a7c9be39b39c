"""Settings that all services have, read once from the environment."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field, PostgresDsn, TypeAdapter, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.chassis.mutual_tls import TlsFiles
from services.chassis.postgres.connecting import parameters
from services.chassis.strong_secret import StrongSecret
from services.chassis.tracing.settings import TracingSettings


def _postgres_url(value: str) -> str:
    TypeAdapter(PostgresDsn).validate_python(value)
    parameters(value)
    return value


def _pem_of(kind: str) -> Callable[[Path], Path]:
    def check(file: Path) -> Path:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise ValueError(f"cannot be read: {error.strerror}") from None
        if re.search(rf"^-----BEGIN [A-Z ]*{kind}-----$".encode(), content, re.MULTILINE) is None:
            raise ValueError(f"holds no {kind} in PEM")
        return file

    return check


Port = Annotated[int, Field(ge=0, le=65535)]
DatabaseUrl = Annotated[str, AfterValidator(_postgres_url), Field(repr=False)]
DirectDatabaseUrl = Annotated[Annotated[str, AfterValidator(_postgres_url)] | None, Field(repr=False)]
CertificateFile = Annotated[Path, AfterValidator(_pem_of("CERTIFICATE"))]
KeyFile = Annotated[Path, AfterValidator(_pem_of("PRIVATE KEY"))]


class TlsSettings(BaseSettings):
    """Settings of mutual TLS. Each field is the environment variable of the same name in upper case."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    tls_ca_file: Path
    tls_certificate_file: Path
    tls_key_file: Path

    @property
    def tls_files(self) -> TlsFiles:
        """The three files together."""
        return TlsFiles(self.tls_ca_file, self.tls_certificate_file, self.tls_key_file)


class ServiceSettings(TlsSettings, TracingSettings):
    """Base of the services' settings."""

    tls_ca_file: CertificateFile
    tls_certificate_file: CertificateFile
    tls_key_file: KeyFile
    fastmp_state_dir: Path = Path("var")
    # The address to listen on. Addresses other than loopback are for containers, which have their own network.
    listen_host: str = "127.0.0.1"
    # The key of the audit log's MACs: write access to the database alone does not suffice to forge an entry.
    audit_key: StrongSecret
    # The time for which entries of the audit log are kept.
    audit_days: int = Field(default=400, ge=1, le=36_500)
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    # Threads for unary calls and for streams; each open stream uses one.
    unary_threads: int = Field(default=32, ge=4, le=512)
    max_streams: int = Field(default=4000, ge=1, le=20_000)
    # The maximum number of these streams of one account at a replica.
    max_streams_per_account: int = Field(default=8, ge=1, le=20_000)
    database_pool_size: int = Field(default=20, ge=2, le=200)
    # How long health is NOT_SERVING before the server stops, so that the gateway notices first.
    drain_seconds: float = Field(default=2.0, ge=0, le=60)


SettingsT = TypeVar("SettingsT", bound=BaseSettings)


def problems(error: ValidationError) -> list[str]:
    """Returns a line for each invalid setting, with its name and without its value."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    named = [
        (
            "_".join(part for part in one["loc"] if isinstance(part, str)).upper(),
            one["msg"].removeprefix("Value error, "),
        )
        for one in found
    ]
    return [
        f"bad setting {name}: {message}" if name else f"bad setting: {message}" for name, message in named
    ]


def load(settings: type[SettingsT]) -> SettingsT:
    """Returns the settings, read from the environment.

    If any is invalid, writes the lines of problems() to standard error and ends the process with status 2.
    """
    try:
        return settings()
    except ValidationError as error:
        sys.stderr.writelines(f"{line}\n" for line in problems(error))
        sys.exit(2)
