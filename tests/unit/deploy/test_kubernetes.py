"""The Kubernetes manifests: valid, closed but for the design's arrows, and the stack of compose and local runs."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from deploy.local.environments import Environments
from deploy.local.settings import LocalSettings
from deploy.local.topology import SERVICES, Replica
from gateway.settings import GatewaySettings
from services.chassis.mutual_tls import TRUST_DOMAIN
from tests.unit.deploy.test_compose import ONLY_LOCALLY, environments

__all__ = ["environments"]

ROOT = Path(__file__).parents[3]
OVERLAYS = ("small", "large")
VERSION = "1.37"
# The kinds of cert-manager, CloudNativePG and the Prometheus Operator, whose schemas are the operators' own.
OPERATORS = {"cert-manager.io/v1", "postgresql.cnpg.io/v1", "monitoring.coreos.com/v1"}
PORT_KINDS = {"PORT": "grpc", "OPS_PORT": "ops", "METRICS_PORT": "metrics"}
# What differs between the stacks on purpose: each writes an address or a path in its own way.
TOPOLOGY = re.compile(r".*_(ADDRESS|ADDRESSES|URL|FILE|HOST)|FASTMP_(STATE_DIR|ENV)|TRUSTED_PROXIES")

# Compose limits no container's cores.
ONLY_HERE = {"HASHING_THREADS"}

Manifest = dict[str, Any]


def kubernetes_name(service: str) -> str:
    return service.replace("_", "-")


def rendered(folder: Path) -> list[Manifest]:
    kubectl = Path(sys.executable).with_name("kubectl")
    made = subprocess.run([kubectl, "kustomize", folder], capture_output=True, check=True)
    return list(yaml.safe_load_all(made.stdout))


@pytest.fixture(scope="module", params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return rendered(ROOT / "deploy" / "kubernetes" / "overlays" / request.param)


@pytest.fixture(scope="module")
def compose() -> Manifest:
    loaded: Manifest = yaml.safe_load((ROOT / "deploy" / "compose" / "compose.yaml").read_text())["services"]
    return loaded


def named(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = (one for one in manifests if (one["kind"], one["metadata"]["name"]) == (kind, name))
    return found


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Every kind of pod by the name of its Deployment or Job."""
    for one in manifests:
        if one["kind"] in {"Deployment", "Job"}:
            yield one["metadata"]["name"], one["spec"]["template"]


def containers(pod: Manifest) -> list[Manifest]:
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]


def settings(manifests: list[Manifest], container: Manifest) -> dict[str, str | None]:
    """The environment of a container; a value that comes from a secret is None."""
    maps = [source["configMapRef"]["name"] for source in container["envFrom"]]
    found: dict[str, str | None] = {}
    for name in maps:
        found |= named(manifests, "ConfigMap", name)["data"]
    return found | {one["name"]: one.get("value") for one in container["env"]}


def container_of(manifests: list[Manifest], deployment: str) -> Manifest:
    return containers(named(manifests, "Deployment", deployment)["spec"]["template"])[0]


def service_settings(manifests: list[Manifest], service: str) -> dict[str, str | None]:
    """Those that the service has in compose, too."""
    found = settings(manifests, container_of(manifests, kubernetes_name(service)))
    return {name: value for name, value in found.items() if name not in ONLY_HERE}


def test_they_are_valid(manifests: list[Manifest]) -> None:
    validated = [one for one in manifests if one["apiVersion"] not in OPERATORS]
    for one in validated:
        kubernetes_validate.validate(one, VERSION, strict=True)
    kinds = {one["kind"] for one in validated}
    assert {"Deployment", "Job", "NetworkPolicy", "PodDisruptionBudget", "HorizontalPodAutoscaler"} <= kinds


@pytest.mark.parametrize("service", SERVICES)
def test_ports_are_those_of_the_local_stack_and_of_compose(
    manifests: list[Manifest], compose: Manifest, service: str
) -> None:
    container = container_of(manifests, kubernetes_name(service))
    declared = {one["name"]: one["containerPort"] for one in container["ports"]}
    of_service = named(manifests, "Service", kubernetes_name(service))["spec"]
    values = settings(manifests, container)
    for kind, name in PORT_KINDS.items():
        setting = f"{service.upper()}_{kind}"
        port = LocalSettings.model_fields[setting.lower()].default
        assert declared[name] == port
        assert values[setting] == str(port) == str(compose[service]["environment"][setting])
        (exposed,) = (one for one in of_service["ports"] if one["name"] == name)
        assert (exposed["port"], exposed["targetPort"]) == (port, name)
    # A record for each replica, over which callers balance.
    assert of_service["clusterIP"] == "None"
    health = container["readinessProbe"]["exec"]["command"]
    assert health == compose[service]["healthcheck"]["test"][1:]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_gets_the_settings_of_compose_and_of_the_local_stack(
    manifests: list[Manifest], compose: Manifest, environments: Environments, service: str
) -> None:
    ours = service_settings(manifests, service)
    theirs = compose[service]["environment"]
    assert set(ours) == set(theirs)
    assert set(environments.service(Replica(service, 1))) <= set(ours)
    for name, value in ours.items():
        if value is not None and TOPOLOGY.fullmatch(name) is None:
            default = re.sub(r"\$\{\w+:-(.*)\}", r"\1", str(theirs[name]))
            assert value == default, name
    # A secret is never in a manifest.
    secret = {
        name for name, value in theirs.items() if re.search(r"\$\{\w+:\?|_PROXY|SMTP_URL", f"{name}{value}")
    }
    assert {name for name, value in ours.items() if value is None} == secret


def test_as_many_passwords_are_hashed_at_once_as_identity_has_cores(manifests: list[Manifest]) -> None:
    environment = container_of(manifests, "identity")["env"]
    (threads,) = (one for one in environment if one["name"] == "HASHING_THREADS")
    assert threads["valueFrom"]["resourceFieldRef"]["resource"] == "limits.cpu"


def test_a_jobs_settings_are_those_of_its_service(manifests: list[Manifest]) -> None:
    jobs = {name: containers(pod)[0] for name, pod in pods(manifests) if "restartPolicy" in pod["spec"]}
    for service in SERVICES:
        of_service = set(service_settings(manifests, service))
        migrations = jobs.pop(f"{kubernetes_name(service)}-migrations")
        assert migrations["args"] == [f"services.{service}", "migrate"]
        assert set(settings(manifests, migrations)) == of_service
    (first_admin,) = jobs.values()
    assert first_admin["args"] == ["services.identity", "ensure-admin"]


def test_the_gateway_is_configured_as_in_compose(manifests: list[Manifest], compose: Manifest) -> None:
    container = container_of(manifests, "gateway")
    ours, theirs = settings(manifests, container), compose["gateway-configuration"]["environment"]
    assert container["args"] == compose["gateway-configuration"]["command"]
    assert set(ours) == set(theirs)
    assert {name.upper() for name in GatewaySettings.model_fields} - ONLY_LOCALLY <= set(ours)
    for name in ours:
        if name.endswith("_ADDRESSES"):
            assert str(ours[name]).replace("-", "_") == theirs[name]


def arrows(manifests: list[Manifest]) -> tuple[set[tuple[str, str, int]], set[tuple[str, str, int]]]:
    """Who may connect to whom at which port, by the policies of those who call and of those who are called.

    The names are the labels' values.
    """
    out: set[tuple[str, str, int]] = set()
    into: set[tuple[str, str, int]] = set()
    for policy in (one["spec"] for one in manifests if one["kind"] == "NetworkPolicy"):
        here = "".join(policy["podSelector"].get("matchLabels", {}).values())
        for rules, side, key in (("egress", out, "to"), ("ingress", into, "from")):
            for rule in policy.get(rules, ()):
                for peer in rule.get(key, [{"anywhere": {}}]):
                    for port in rule["ports"]:
                        ends = (here, peer_name(peer)) if key == "to" else (peer_name(peer), here)
                        side.add((*ends, port["port"]))
    return out, into


def peer_name(peer: Manifest) -> str:
    if "ipBlock" in peer:
        return "internet"
    selector: Manifest = peer.get("podSelector") or peer.get("namespaceSelector") or {}
    labels: dict[str, str] = selector.get("matchLabels", {})
    return (
        "internal program" if "fastmp/internal-program" in labels else "".join(labels.values()) or "anywhere"
    )


def test_only_the_designs_arrows_are_allowed(manifests: list[Manifest], compose: Manifest) -> None:
    out, into = arrows(manifests)
    parts = {"gateway", *map(kubernetes_name, SERVICES)}
    expected = set()
    # The arrows of compose: the addresses that each part is given.
    given = {"gateway": compose["gateway-configuration"], **{one: compose[one] for one in SERVICES}}
    for caller, definition in given.items():
        for name, value in definition["environment"].items():
            if name.endswith(("_ADDRESS", "_ADDRESSES")) and re.fullmatch(r"\w+:\d+", str(value)):
                called, _, port = value.partition(":")
                expected.add((kubernetes_name(caller), kubernetes_name(called), int(port)))
    between = {(caller, called, port) for caller, called, port in out if {caller, called} <= parts}
    assert between == expected == {one for one in into if {one[0], one[1]} <= parts}
    databases = {(kubernetes_name(one), f"{kubernetes_name(one)}-database", 5432) for one in SERVICES}
    leaving = {one for one in out if one[0] in parts} - between
    internet = {(part, "internet", 443) for part in ("wechat-cookie", "notifications")}
    assert leaving == databases | internet
    entering = {one for one in into if one[1] in parts} - between
    programs = {
        ("internal program", kubernetes_name(one), LocalSettings.model_fields[f"{one}_port"].default)
        for one in SERVICES
    }
    assert entering == programs | {("anywhere", "gateway", 8080)}
    # All pods are closed but for these rules.
    closed = named(manifests, "NetworkPolicy", "nothing-else")["spec"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_every_pod_is_confined(manifests: list[Manifest]) -> None:
    for name, pod in pods(manifests):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        # With links, Kubernetes would set IDENTITY_PORT to a URL.
        assert spec["enableServiceLinks"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        for container in containers(pod):
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
        # The policies are by this label, which jobs have, too.
        assert pod["metadata"]["labels"]["fastmp/part"] in {"gateway", *map(kubernetes_name, SERVICES)}


def test_each_part_has_its_certificate_and_only_that(manifests: list[Manifest]) -> None:
    for name, pod in pods(manifests):
        part = pod["metadata"]["labels"]["fastmp/part"]
        mounted = [one["secret"]["secretName"] for one in pod["spec"]["volumes"] if "secret" in one]
        assert mounted == [f"{part}-certificate"], name
        certificate = named(manifests, "Certificate", part)["spec"]
        assert certificate["secretName"] == f"{part}-certificate"
        certified = part.replace("-", "_")
        assert certificate["uris"] == [TRUST_DOMAIN + certified]
        assert certificate["dnsNames"] == [certified]


def test_the_exported_folders_have_one_writer_or_a_folder_each(manifests: list[Manifest]) -> None:
    deployment = named(manifests, "Deployment", "wechat-cookie")["spec"]
    (state,) = (one for one in deployment["template"]["spec"]["volumes"] if one["name"] == "state")
    most = named(manifests, "HorizontalPodAutoscaler", "wechat-cookie")["spec"]["maxReplicas"]
    if "persistentVolumeClaim" in state:
        assert (most, deployment["strategy"]) == (1, {"type": "Recreate"})
    else:
        assert "emptyDir" in state
        assert most > 1


@pytest.fixture(scope="module")
def with_prometheus(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    """The small overlay with the component for Prometheus."""
    folder = tmp_path_factory.mktemp("overlay").resolve()
    here = os.path.relpath(ROOT / "deploy" / "kubernetes", folder)
    parts = {"resources": [f"{here}/overlays/small"], "components": [f"{here}/components/prometheus"]}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump({**parts, "namespace": "fastmp"}))
    return rendered(folder)


def test_prometheus_may_connect_to_the_metrics_ports_and_to_nothing_else(
    with_prometheus: list[Manifest],
) -> None:
    out, into = arrows(with_prometheus)
    entering = {one for one in into if one[0] == "monitoring"}
    ports = {
        kubernetes_name(one): LocalSettings.model_fields[f"{one}_metrics_port"].default for one in SERVICES
    }
    assert entering == {("monitoring", part, port) for part, port in {**ports, "gateway": 9150}.items()}
    assert not any(one[1] == "monitoring" for one in out)


def test_prometheus_scrapes_each_part_by_the_name_in_its_certificate(with_prometheus: list[Manifest]) -> None:
    scraped = yaml.safe_load((ROOT / "deploy" / "observability" / "prometheus.yaml").read_text())
    local = {one["job_name"]: one["tls_config"]["server_name"] for one in scraped["scrape_configs"]}
    found = {}
    for part in ("gateway", *map(kubernetes_name, SERVICES)):
        monitor = named(with_prometheus, "PodMonitor", part)["spec"]
        (endpoint,) = monitor["podMetricsEndpoints"]
        pod = named(with_prometheus, "Deployment", part)["spec"]["template"]
        assert monitor["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
        ports = [port["name"] for one in pod["spec"]["containers"] for port in one["ports"]]
        assert endpoint["port"] in ports
        tls = endpoint["tlsConfig"]
        assert tls["serverName"] in named(with_prometheus, "Certificate", part)["spec"]["dnsNames"]
        secrets = {tls["ca"]["secret"]["name"], tls["cert"]["secret"]["name"], tls["keySecret"]["name"]}
        assert secrets == {named(with_prometheus, "Certificate", "prometheus")["spec"]["secretName"]}
        (job,) = endpoint["relabelings"]
        found[job["replacement"]] = tls["serverName"]
    assert found == local


def test_envoys_statistics_are_on_only_with_prometheus(
    manifests: list[Manifest], with_prometheus: list[Manifest]
) -> None:
    wanted = {"ENVOY_ADMIN_SOCKET", "GATEWAY_METRICS_PORT"}
    assert not wanted & set(settings(manifests, container_of(manifests, "gateway")))
    values = settings(with_prometheus, container_of(with_prometheus, "gateway"))
    assert values["GATEWAY_METRICS_PORT"] == "9150"
    # The interface's socket is on the volume that only this pod has.
    (envoy,) = named(with_prometheus, "Deployment", "gateway")["spec"]["template"]["spec"]["containers"]
    mounts = {one["mountPath"] for one in envoy["volumeMounts"] if not one.get("readOnly")}
    assert str(Path(str(values["ENVOY_ADMIN_SOCKET"])).parent) in mounts


def test_an_outside_database_needs_only_its_address() -> None:
    policies = rendered(ROOT / "deploy" / "kubernetes" / "components" / "outside-postgres")
    assert {one["metadata"]["name"] for one in policies} == {
        f"{kubernetes_name(service)}-to-database" for service in SERVICES
    }
