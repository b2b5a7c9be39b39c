"""All settings of the product: the environment variables that each program reads."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic_settings import BaseSettings

from deploy.local.settings import LocalSettings
from gateway.settings import DEFAULT_PORTS, GatewaySettings, UpstreamSettings
from services.activation.settings import ActivationSettings
from services.chassis.importing.settings import ImportSettings
from services.identity.settings import IdentitySettings
from services.notifications.settings import NotificationsSettings
from services.reconcile.settings import ReconcileSettings
from services.wechat_cookie.settings import WeChatCookieSettings

# Read from os.environ by the command line and the WeChat emulator.
OTHERS = frozenset(
    {
        "FASTMP_ALLOW_HTTP",
        "FASTMP_DEBUG",
        "FASTMP_PROFILE",
        "FASTMP_SERVER",
        "FASTMP_TOKEN",
        "WECHAT_EMULATOR_TOKEN",
    }
)


@dataclass(frozen=True)
class Reader:
    """A program and its settings class; `prefix` is prepended to the names of the fields."""

    program: str
    settings: type[BaseSettings]
    prefix: str = ""

    def names(self) -> set[str]:
        """Returns the names of the environment variables."""
        return {self.prefix + field.upper() for field in self.settings.model_fields}


SERVICE_SETTINGS: Mapping[str, type[BaseSettings]] = {
    "identity": IdentitySettings,
    "activation": ActivationSettings,
    "wechat_cookie": WeChatCookieSettings,
    "notifications": NotificationsSettings,
}
READERS = (
    Reader("local stack", LocalSettings),
    *(Reader(service, settings) for service, settings in SERVICE_SETTINGS.items()),
    Reader("import-fastmp", ImportSettings),
    Reader("reconcile", ReconcileSettings),
    Reader("gateway", GatewaySettings),
    *(Reader("gateway", UpstreamSettings, f"{service.upper()}_") for service in DEFAULT_PORTS),
)


def known_settings() -> frozenset[str]:
    """Returns the names of all environment variables that any program of the product reads."""
    return OTHERS.union(*(reader.names() for reader in READERS))


def forget_settings() -> None:
    """Removes every known setting, case-insensitively, from this process's environment."""
    known = known_settings()
    for name in list(os.environ):
        if name.upper() in known:
            del os.environ[name]
