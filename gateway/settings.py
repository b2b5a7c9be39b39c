"""The gateway's settings, read once from the environment. A bad setting ends the process with a message."""

import ipaddress
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from services.chassis.settings import Port
from services.chassis.tracing.settings import TracingSettings

LOOPBACK = "127.0.0.1"
DEFAULT_PORTS = {"identity": 50051, "activation": 50052, "wechat_cookie": 50053, "notifications": 50054}
# Below Linux's range of ephemeral ports.
DEFAULT_OPERATIONS_PORTS = {
    "identity": 9051,
    "activation": 9052,
    "wechat_cookie": 9053,
    "notifications": 9054,
}
_HIGHEST_PORT = 65_535
# The limit of Linux (unix(7)), without the final NUL.
_LONGEST_SOCKET_PATH_BYTES = 107


@dataclass(frozen=True)
class Address:
    """A host name or IP address, and a port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parses "host:port" or "[ipv6]:port". Raises ValueError if the text has another form."""
        host, _, port = text.strip().rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not host or not port.isdecimal() or not 0 < int(port) <= _HIGHEST_PORT:
            raise ValueError("not host:port")
        return cls(host, int(port))

    @property
    def is_ip(self) -> bool:
        """Whether the host is an IP address, which needs no name server."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return True


def _split(value: object) -> object:
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


def _addresses(value: object) -> object:
    return tuple(Address.parse(part) for part in value.split(",")) if isinstance(value, str) else value


def _origin(value: str) -> str:
    scheme, separator, host = value.partition("://")
    if scheme not in {"http", "https"} or not separator or not host or "/" in host or "*" in host:
        raise ValueError("an origin is scheme://host or scheme://host:port")
    return value


def _socket_path(value: Path) -> Path:
    path = value.absolute()
    if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH_BYTES:
        raise ValueError(f"the absolute path of a socket has at most {_LONGEST_SOCKET_PATH_BYTES} bytes")
    return path


Addresses = Annotated[tuple[Address, ...], NoDecode, BeforeValidator(_addresses)]
Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, BeforeValidator(_split)]


@dataclass(frozen=True)
class Endpoint:
    """One replica of a service: the address for calls, and the port of its gRPC health service."""

    address: Address
    operations_port: int


class UpstreamSettings(BaseSettings):
    """The addresses of one service. The variables are prefixed with the service's name, e.g. IDENTITY_ADDRESSES."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    addresses: Addresses = ()
    # The setting that the other services use; used if `addresses` is not set.
    address: Addresses = ()
    port: Port = 0
    ops_addresses: Addresses = ()
    ops_port: Port = 0

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        given = self.addresses or self.address
        hosts = [address.host for address in given or (Address(LOOPBACK, 1),)]
        if self.ops_addresses and [address.host for address in self.ops_addresses] != hosts:
            raise ValueError("OPS_ADDRESSES must name the same hosts as ADDRESSES, in the same order")
        return self

    def endpoints(self, service: str) -> tuple[Endpoint, ...]:
        """Returns the replicas of `service`; one on loopback if nothing is set."""
        local = (Address(LOOPBACK, self.port or DEFAULT_PORTS[service]),)
        addresses = self.addresses or self.address or local
        if self.ops_addresses:
            ports = [address.port for address in self.ops_addresses]
        else:
            ports = [self.ops_port or DEFAULT_OPERATIONS_PORTS[service]] * len(addresses)
        return tuple(Endpoint(address, port) for address, port in zip(addresses, ports, strict=True))


class GatewaySettings(TracingSettings):
    """The gateway's own settings. Each field is the environment variable of the same name in upper case."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    # Addresses other than loopback are for containers, which have a network of their own.
    gateway_host: str = LOOPBACK
    gateway_port: int = Field(default=8080, ge=1, le=65535)
    # For HTTPS to clients; both or neither.
    gateway_tls_certificate_file: Path | None = None
    gateway_tls_key_file: Path | None = None
    # For mutual TLS with the services; the certificate's name is "gateway".
    tls_ca_file: Path
    tls_certificate_file: Path
    tls_key_file: Path
    # Other origins whose pages may call the gateway; by default only its own pages may.
    cors_origins: Origins = ()
    # The number of proxies in front of the gateway whose X-Forwarded-For entries are trusted.
    trusted_proxies: int = Field(default=0, ge=0, le=10)
    # A Unix socket for Envoy's administration interface, which needs no password; it is off if this is not set.
    envoy_admin_socket: Annotated[Path, AfterValidator(_socket_path)] | None = None
    # For Envoy's statistics over mutual TLS, read through the socket above; they are off if this is not set.
    # The host is another one than for REST callers, so that a gateway that is open to them has no other port open.
    gateway_metrics_host: str = LOOPBACK
    gateway_metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    # The limit on calls without a token by client network (IPv4 address, IPv6 /64). It is coarse; the services have
    # exact throttles. GET /health has the same limit, counted separately.
    public_requests_per_second: int = Field(default=200, ge=1, le=100_000)
    # The same for all clients together, GET /health excepted.
    public_requests_per_second_total: int = Field(default=5_000, ge=1, le=1_000_000)
    max_connections: int = Field(default=20_000, ge=10, le=1_000_000)
    fastmp_env: str = Field(default="local", pattern=r"^[0-9A-Za-z_.-]{1,32}$")

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if (self.gateway_tls_certificate_file is None) != (self.gateway_tls_key_file is None):
            raise ValueError("GATEWAY_TLS_CERTIFICATE_FILE and GATEWAY_TLS_KEY_FILE belong together")
        if self.gateway_metrics_port is not None and self.envoy_admin_socket is None:
            raise ValueError("GATEWAY_METRICS_PORT needs ENVOY_ADMIN_SOCKET")
        return self


@dataclass(frozen=True)
class Settings:
    """All settings that the configuration is built from."""

    gateway: GatewaySettings
    # The replicas by service.
    upstreams: Mapping[str, tuple[Endpoint, ...]]


def load() -> Settings:
    """Returns the settings of this process.

    Bad settings end the process with status 2 and a line for each, which names it and never contains its value.
    """
    problems: list[str] = []
    upstreams: dict[str, tuple[Endpoint, ...]] = {}
    for service in DEFAULT_PORTS:
        prefix = f"{service.upper()}_"
        try:
            upstreams[service] = UpstreamSettings(_env_prefix=prefix).endpoints(service)
        except ValidationError as error:
            problems += _lines(error, prefix)
    try:
        gateway = GatewaySettings()
    except ValidationError as error:
        problems += _lines(error, "")
    if problems:
        sys.stderr.writelines(problems)
        sys.exit(2)
    return Settings(gateway, upstreams)


def _lines(error: ValidationError, prefix: str) -> list[str]:
    lines = []
    for problem in error.errors(include_input=False, include_url=False, include_context=False):
        name = prefix + "_".join(str(part) for part in problem["loc"]).upper()
        lines.append(f"bad setting {name.rstrip('_')}: {problem['msg']}\n")
    return lines
