"""Reads the metrics of a running stack, as Prometheus does."""

from collections.abc import Mapping

import requests

from deploy.local.stack import LocalStack
from deploy.local.topology import GATEWAY, SERVICES

CALLER = "prometheus"
TIMEOUT_SECONDS = 30


def targets(stack: LocalStack) -> Mapping[str, str]:
    """host:port of the metrics of each part. The stack's settings need a `gateway_metrics_port`."""
    found = {service: stack.addresses(service, "METRICS_PORT")[0] for service in SERVICES}
    return {**found, GATEWAY: stack.gateway_metrics_address}


def scrape(stack: LocalStack) -> dict[str, str]:
    """The answer of each part."""
    tls = stack.tls_files(CALLER)
    certificate = (str(tls.certificate_file), str(tls.key_file))
    found = {}
    for part, address in targets(stack).items():
        answer = requests.get(
            f"https://{address}/metrics", cert=certificate, verify=str(tls.ca_file), timeout=TIMEOUT_SECONDS
        )
        answer.raise_for_status()
        found[part] = answer.text
    return found
