"""Settings for tests that start nothing."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gateway.settings import GatewaySettings, Settings, load
from services.chassis.mutual_tls import TlsFiles
from tests.support.envoy import configuration_environment

Load = Callable[..., Settings]


@pytest.fixture
def load_settings(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads the settings from an environment of the variables given, and the certificate's paths."""

    def load_them(**variables: str) -> Settings:
        files = TlsFiles(Path("ca.pem"), Path("gateway.pem"), Path("gateway.key"))
        environment: Mapping[str, str] = configuration_environment(files, variables)
        for name in ("IDENTITY_ADDRESS", "IDENTITY_PORT", "GATEWAY_PORT"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return load()

    return load_them


@pytest.fixture
def gateway_settings(load_settings: Load) -> GatewaySettings:
    return load_settings().gateway
