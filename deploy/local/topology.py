"""The processes of the stack and their ports."""

from collections.abc import Mapping
from dataclasses import dataclass

from deploy.local.ports import LOOPBACK, PortReservations
from deploy.local.settings import LocalSettings

SERVICES = ("identity", "activation", "wechat_cookie", "notifications")
GATEWAY = "gateway"
POSTGRES = "postgres"
WECHAT_EMULATOR = "wechat_emulator"
EMULATOR_PORT = "port of the WeChat emulator"
# Certificates are issued to each process, to an operator with grpcurl, to the example of an internal program, and
# to a Prometheus that reads the metrics.
CERTIFICATE_NAMES = (*SERVICES, GATEWAY, "ops", "collector", "prometheus")
PORT_KINDS = ("PORT", "OPS_PORT", "METRICS_PORT")


@dataclass(frozen=True)
class Replica:
    """One process of a service. The first has the service's name, the second `<service>-2`, and so on."""

    service: str
    number: int

    @property
    def name(self) -> str:
        return self.service if self.number == 1 else f"{self.service}-{self.number}"

    def port_key(self, kind: str) -> str:
        """Returns the name of the port's setting, or a name for the port of a further replica."""
        setting = f"{self.service.upper()}_{kind}"
        return setting if self.number == 1 else f"{setting} of {self.name}"


class Topology:
    """The replicas of each service and the reserved ports of all processes."""

    def __init__(
        self, settings: LocalSettings, replicas: Mapping[str, int], *, has_wechat_emulator: bool
    ) -> None:
        """`replicas` is the number of processes by service, by default one."""
        self.has_wechat_emulator = has_wechat_emulator
        self._settings = settings
        self._ports = PortReservations()
        self.replicas = tuple(
            Replica(service, number)
            for service in SERVICES
            for number in range(1, replicas.get(service, 1) + 1)
        )

    def reserve_ports(self) -> None:
        """Reserves every port of the stack. Raises LocalStackError with the ports that are in use."""
        settings = [("GATEWAY_PORT", self._settings.port("GATEWAY_PORT"))]
        if self._settings.gateway_metrics_port is not None:
            settings.append(("GATEWAY_METRICS_PORT", self._settings.gateway_metrics_port))
        for replica in self.replicas:
            for kind in PORT_KINDS:
                key = replica.port_key(kind)
                # Only the first replica's ports are settings.
                settings.append((key, self._settings.port(key) if replica.number == 1 else 0))
        if self.has_wechat_emulator:
            settings.append((EMULATOR_PORT, 0))
        self._ports.reserve_all(settings)

    def release_ports(self) -> None:
        self._ports.release_all()

    def port(self, key: str) -> int:
        """Returns the port of a setting, e.g. "GATEWAY_PORT", or of a `Replica.port_key`."""
        return self._ports[key]

    def addresses(self, service: str, kind: str = "PORT") -> list[str]:
        """Returns host:port of each replica of the service, in order."""
        ours = [replica for replica in self.replicas if replica.service == service]
        return [f"{LOOPBACK}:{self.port(replica.port_key(kind))}" for replica in ours]
