"""The compose file: valid by the Compose Specification, and the same stack as the local one.

`compose_spec.schema.json` is the specification's own JSON schema (compose-spec/compose-spec, Apache-2.0).
"""

import base64
import datetime
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from deploy.compose import certificates
from deploy.local.environments import Environments, WeChat
from deploy.local.kept_secrets import KeptSecrets
from deploy.local.settings import LocalSettings
from deploy.local.state_directory import StateDirectory
from deploy.local.topology import SERVICES, Replica, Topology
from gateway.settings import GatewaySettings
from tests.unit.deploy.test_env_example import SERVICE_FIELDS

ROOT = Path(__file__).parents[3]
COMPOSE = ROOT / "deploy" / "compose" / "compose.yaml"
# In a container the service listens to its own network, and there is no second stack to name ports for.
ONLY_IN_CONTAINERS = {"LISTEN_HOST"}
# The local stack passes these on as they are.
LIMITS = {*map(str.upper, SERVICE_FIELDS)}
ONLY_LOCALLY = {"ENVOY_ADMIN_SOCKET", "GATEWAY_METRICS_HOST", "GATEWAY_METRICS_PORT"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return loaded


@pytest.fixture
def environments(tmp_path: Path) -> Iterator[Environments]:
    settings = LocalSettings.side_by_side(
        tmp_path, wechat_ca_file=tmp_path / "ca.pem", wechat_proxy="http://proxy:1"
    )
    topology = Topology(settings, {}, has_wechat_emulator=False)
    topology.reserve_ports()
    yield Environments(
        settings=settings,
        topology=topology,
        secrets=KeptSecrets.new(),
        state=StateDirectory(tmp_path, lock=-1),
        database_urls=dict.fromkeys(SERVICES, "postgresql://127.0.0.1/x"),
        wechat=WeChat(settings.wechat_base_url, settings.wechat_ca_file),
        inherited={},
    )
    topology.release_ports()


def test_it_is_valid_by_the_compose_specification(compose: dict[str, Any]) -> None:
    schema = json.loads(Path(__file__).with_name("compose_spec.schema.json").read_text())
    jsonschema.Draft201909Validator(schema).validate(compose)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_gets_the_settings_that_it_gets_locally(
    compose: dict[str, Any], environments: Environments, service: str
) -> None:
    replica = Replica(service, 1)
    ours = set(compose["services"][service]["environment"]) - ONLY_IN_CONTAINERS - LIMITS
    assert ours == set(environments.service(replica))


def test_the_gateway_is_configured_from_the_same_settings(
    compose: dict[str, Any], environments: Environments
) -> None:
    ours = set(compose["services"]["gateway-configuration"]["environment"]) - ONLY_IN_CONTAINERS
    # The local stack hands the rest of the gateway's settings on as they are.
    handed_on = {name.upper() for name in GatewaySettings.model_fields} - ONLY_IN_CONTAINERS
    assert ours == (set(environments.gateway()) | handed_on) - ONLY_LOCALLY


def test_every_setting_of_the_gateway_is_documented() -> None:
    documents = (ROOT / ".env.example", ROOT / "docs" / "settings.md")
    certificate = {"TLS_CA_FILE", "TLS_CERTIFICATE_FILE", "TLS_KEY_FILE"}
    names = {name.upper() for name in GatewaySettings.model_fields} - certificate - ONLY_IN_CONTAINERS
    for document in documents:
        text = document.read_text("utf-8")
        assert [name for name in sorted(names) if name not in text] == [], document


def test_every_variable_it_asks_for_is_in_an_example() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE.read_text()))
    examples = (ROOT / ".env.example", COMPOSE.with_name(".env.example"))
    text = "".join(example.read_text() for example in examples)
    assert asked <= set(re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE))


def test_no_secret_has_a_default() -> None:
    secret = re.compile(r"\$\{([A-Z_]*(?:PASSWORD|SECRET|KEYS))(.)")
    found = {(name, rest) for name, rest in secret.findall(COMPOSE.read_text())}
    assert found
    text = COMPOSE.read_text()
    assert all(f"${{{name}:?" in text and f"${{{name}:-" not in text for name, _ in found)


def test_each_process_sees_its_own_key_only(tmp_path: Path) -> None:
    for folder in ("authority", *certificates.NAMES):
        (tmp_path / folder).mkdir()
    now = datetime.datetime.now(datetime.UTC)
    certificates.issue(tmp_path, now)
    first = (tmp_path / "identity" / "identity.pem").stat()
    certificates.issue(tmp_path, now)
    assert (tmp_path / "identity" / "identity.pem").stat().st_ino == first.st_ino
    certificates.issue(tmp_path, now + datetime.timedelta(days=70))
    assert (tmp_path / "identity" / "identity.pem").stat().st_ino != first.st_ino
    for name in certificates.NAMES:
        files = {file.name for file in (tmp_path / name).iterdir()}
        assert files == {"ca.pem", f"{name}.pem", f"{name}.key"}
        assert (tmp_path / name / f"{name}.key").stat().st_mode & 0o077 == 0


def test_services_run_without_root_and_without_capabilities(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name != "postgres":
            assert service["cap_drop"] == ["ALL"], name
            assert service["read_only"] is True, name


def test_the_logs_of_every_container_are_bounded(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["logging"]["options"] == {"max-size": "50m", "max-file": "5"}, name


def test_the_first_admin_is_made_before_the_gateway_lets_anyone_register(compose: dict[str, Any]) -> None:
    # The others that are published require a client certificate.
    published = {name for name, service in compose["services"].items() if "ports" in service}
    assert published == {"gateway", *SERVICES}
    condition = compose["services"]["gateway"]["depends_on"]["first-admin"]
    assert condition == {"condition": "service_completed_successfully"}


def test_what_is_published_is_on_loopback(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", ())]
    assert len(ports) == 1 + len(SERVICES)
    assert all(port.startswith("127.0.0.1:$") for port in ports)


def test_the_readme_makes_every_secret_and_copies_a_certificate_that_is_there(
    compose: dict[str, Any], tmp_path: Path
) -> None:
    """The commands of the README's section on Docker, those that need no Docker run in an empty folder."""
    section = (ROOT / "README.md").read_text().partition("\n## Docker\n")[2]
    making, using = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    (tmp_path / "deploy" / "compose").mkdir(parents=True)
    subprocess.run(["bash", "-e", "-c", making], cwd=tmp_path, check=True)
    environment = tmp_path / "deploy" / "compose" / ".env"
    made = dict(line.split("=", 1) for line in environment.read_text().splitlines())
    assert set(made) == set(re.findall(r"\$\{([A-Z_]+):\?", COMPOSE.read_text()))
    assert len(set(made.values())) == len(made)
    assert all(len(value) >= 32 for value in made.values())
    assert len(base64.urlsafe_b64decode(made["COOKIE_KEYS"])) == 32
    assert environment.stat().st_mode & 0o077 == 0
    service, folder = re.findall(r" cp ([\w-]+):(\S+) ", using)[0]
    assert f"collector-certificate:{folder}" in compose["services"][service]["volumes"]


def test_certificates_are_renewed_while_the_stack_runs(compose: dict[str, Any]) -> None:
    renewal = compose["services"]["certificate-renewal"]
    assert renewal["command"] == ["deploy.compose.certificates", "--renew"]
    assert renewal["volumes"] == compose["services"]["certificates"]["volumes"]
    assert renewal["restart"] == "unless-stopped"
