"""Every setting of the product: which program reads which environment variables."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic_settings import BaseSettings

from deploy.local.settings import LocalSettings
from gateway.settings import DEFAULT_PORTS, GatewaySettings, UpstreamSettings
from services.activation.settings import ActivationSettings
from services.identity.settings import IdentitySettings
from services.wechat_cookie.settings import WeChatCookieSettings

# Read with os.environ, by the command line, the tracing of the services and the WeChat emulator.
OTHERS = frozenset(
    {
        "FASTMP_ALLOW_HTTP",
        "FASTMP_DEBUG",
        "FASTMP_PROFILE",
        "FASTMP_SERVER",
        "FASTMP_TOKEN",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "WECHAT_EMULATOR_TOKEN",
    }
)


@dataclass(frozen=True)
class Reader:
    """A program and a class of settings that it reads; `prefix` comes before the names of the fields."""

    program: str
    settings: type[BaseSettings]
    prefix: str = ""

    def names(self) -> set[str]:
        """The environment variables."""
        return {self.prefix + field.upper() for field in self.settings.model_fields}


SERVICE_SETTINGS: Mapping[str, type[BaseSettings]] = {
    "identity": IdentitySettings,
    "activation": ActivationSettings,
    "wechat_cookie": WeChatCookieSettings,
}
READERS = (
    Reader("local stack", LocalSettings),
    *(Reader(service, settings) for service, settings in SERVICE_SETTINGS.items()),
    Reader("gateway", GatewaySettings),
    *(Reader("gateway", UpstreamSettings, f"{service.upper()}_") for service in DEFAULT_PORTS),
)


def known_settings() -> frozenset[str]:
    """The names of all environment variables that any part of the product reads."""
    return OTHERS.union(*(reader.names() for reader in READERS))


def forget_settings() -> None:
    """Removes every known setting from this process's environment, in any case of letters, as they are read."""
    known = known_settings()
    for name in list(os.environ):
        if name.upper() in known:
            del os.environ[name]
