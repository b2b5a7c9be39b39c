"""The whole configuration: Envoy accepts it, and what must not be in it is not."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.programs import ROOT
from deploy.local.wheels import package_folder
from services.chassis.mutual_tls import TlsFiles
from tests.support.envoy import Settings, configuration_environment, write_configuration


def _write(folder: Path, certificates: Mapping[str, TlsFiles], settings: Settings) -> Any:
    environment = configuration_environment(certificates["gateway"], settings)
    write_configuration(folder / "envoy.yaml", environment)
    return yaml.safe_load((folder / "envoy.yaml").read_text("utf-8"))


def _clusters(configuration: Any) -> list[Any]:
    """The clusters that have hosts."""
    clusters = configuration["static_resources"]["clusters"]
    return [cluster for cluster in clusters if "endpoints" in cluster["load_assignment"]]


def _validate(configuration: Path) -> subprocess.CompletedProcess[str]:
    envoy = str(package_folder("envoy") / "_bin" / "envoy")
    command = [envoy, "--mode", "validate", "--config-path", str(configuration), "--log-level", "error"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {
            "GATEWAY_HOST": "0.0.0.0",
            "ENVOY_ADMIN_SOCKET": "/run/envoy-admin.sock",
            "GATEWAY_METRICS_PORT": "9150",
            "IDENTITY_ADDRESSES": "identity:50051",
            "ACTIVATION_ADDRESSES": "10.0.0.1:1,10.0.0.2:1",
            "WECHAT_COOKIE_ADDRESSES": "[::1]:1,wechat-cookie:2",
            "CORS_ORIGINS": "https://console.example",
            "TRUSTED_PROXIES": "2",
        },
    ],
)
def test_envoy_accepts_it(certificates: Mapping[str, TlsFiles], tmp_path: Path, settings: Settings) -> None:
    _write(tmp_path, certificates, settings)
    result = _validate(tmp_path / "envoy.yaml")
    assert result.returncode == 0, result.stderr


def test_envoy_accepts_it_with_https(certificates: Mapping[str, TlsFiles], tmp_path: Path) -> None:
    tls = certificates["gateway"]
    files = {
        "GATEWAY_TLS_CERTIFICATE_FILE": str(tls.certificate_file),
        "GATEWAY_TLS_KEY_FILE": str(tls.key_file),
    }
    _write(tmp_path, certificates, files)
    assert _validate(tmp_path / "envoy.yaml").returncode == 0


def test_there_is_no_administration_interface_unless_asked_for(
    certificates: Mapping[str, TlsFiles], tmp_path: Path
) -> None:
    assert "admin" not in _write(tmp_path, certificates, {"GATEWAY_HOST": "0.0.0.0"})


def test_addresses_are_static_and_names_are_asked_for_again(
    certificates: Mapping[str, TlsFiles], tmp_path: Path
) -> None:
    settings: Settings = {"IDENTITY_ADDRESSES": "identity:1", "ACTIVATION_ADDRESSES": "10.0.0.1:1"}
    clusters = _write(tmp_path, certificates, settings)["static_resources"]["clusters"]
    kinds = {cluster["name"]: cluster["type"] for cluster in clusters}
    assert kinds["identity"] == kinds["identity_operations"] == "STRICT_DNS"
    assert kinds["activation"] == kinds["activation_operations"] == "STATIC"


def test_replicas_are_watched_unless_there_is_a_single_one_that_can_be_asked(
    certificates: Mapping[str, TlsFiles], tmp_path: Path
) -> None:
    settings: Settings = {
        "IDENTITY_ADDRESSES": "identity:1",
        "ACTIVATION_ADDRESSES": "10.0.0.1:1,10.0.0.2:1",
        "WECHAT_COOKIE_ADDRESSES": "10.0.0.1:2",
        "NOTIFICATIONS_ADDRESSES": "10.0.0.1:1,10.0.0.2:1",
    }
    clusters = _clusters(_write(tmp_path, certificates, settings))
    for watch in ("health_checks", "outlier_detection"):
        unwatched = {cluster["name"] for cluster in clusters if watch not in cluster}
        assert unwatched == {"wechat_cookie_operations"}


def test_every_cluster_shows_a_certificate_and_asks_for_the_services_own_name(
    certificates: Mapping[str, TlsFiles], tmp_path: Path
) -> None:
    clusters = _clusters(_write(tmp_path, certificates, {}))
    assert len(clusters) == 8
    for cluster in clusters:
        tls = cluster["transport_socket"]["typed_config"]["common_tls_context"]
        validation = tls["combined_validation_context"]
        (name,) = validation["default_validation_context"]["match_typed_subject_alt_names"]
        service = cluster["name"].removesuffix("_operations")
        assert name == {"san_type": "URI", "matcher": {"exact": f"spiffe://fastmp/{service}"}}
        assert [one["name"] for one in tls["tls_certificate_sds_secret_configs"]] == ["own_certificate"]
        assert validation["validation_context_sds_secret_config"]["name"] == "authority"
        assert cluster["common_lb_config"]["healthy_panic_threshold"] == {"value": 0}


def test_the_command_writes_everything_into_one_folder(
    certificates: Mapping[str, TlsFiles], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "gateway.configure", "--output", str(tmp_path / "envoy.yaml")]
    environment = configuration_environment(certificates["gateway"], {})
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=60)
    written = {path for path in tmp_path.iterdir() if path.name != "envoy.yaml"}
    assert {"descriptor_set.binpb", "openapi.json", "docs.html"} <= {path.name for path in written}
    text = (tmp_path / "envoy.yaml").read_text("utf-8")
    assert all(str(path) in text for path in written)
    assert str(ROOT) not in text


def test_the_command_names_what_is_missing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gateway.configure", "--output", str(tmp_path / "envoy.yaml")]
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'gen'}"}
    result = subprocess.run(
        command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 2
    assert "bad setting TLS_CA_FILE" in result.stderr
    assert not list(tmp_path.iterdir())
