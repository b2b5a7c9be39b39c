"""A real Prometheus that scrapes a running stack with the shipped configuration and rules, in a shorter time."""

import contextlib
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml

from deploy.local.ports import LOOPBACK, ReservedPort
from deploy.local.stack import LocalStack
from tests.support.observability import FOLDER, RULES
from tests.support.scraping import CALLER, targets
from tests.support.waiting import wait_until

TIMEOUT_SECONDS = 10
INTERVAL = "1s"
# Long enough for some samples.
RANGE = "10s"
# Limits in seconds that the rules have: too long for a test, and what is used here. A loop that is well may pause
# for a minute.
SHORTER = {
    "AccountFeedLags": {"> 30": "> 3"},
    "JobsAreOld": {"> 600": "> 5"},
    "BackgroundLoopStalled": {"> 300": "> 70"},
}


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus. `awaited` has the names of the alerts that await_alerts() has seen."""

    url: str
    awaited: set[str] = field(default_factory=set)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an instant query."""
        parameters = {"query": expression}
        answer = requests.get(f"{self.url}/api/v1/query", params=parameters, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def firing(self) -> set[str]:
        """The names of the alerts that fire now."""
        return {sample["metric"]["alertname"] for sample in self.query('ALERTS{alertstate="firing"}')}

    def await_alerts(self, *names: str, seconds: float = 60) -> None:
        """Returns when each of these has fired since the call."""
        start, missing = time.monotonic(), set(names)

        def have_fired() -> bool:
            missing.difference_update(self._fired_within(time.monotonic() - start))
            return not missing

        wait_until(have_fired, f"each alert of {', '.join(names)} fires", seconds)
        self.awaited.update(names)

    def _fired_within(self, seconds: float) -> set[str]:
        since = f"{max(1, int(seconds))}s"
        samples = self.query(f'count by (alertname) (last_over_time(ALERTS{{alertstate="firing"}}[{since}]))')
        return {sample["metric"]["alertname"] for sample in samples}


@contextlib.contextmanager
def running_prometheus(program: str, stack: LocalStack, folder: Path) -> Iterator[Prometheus]:
    """Starts Prometheus with its files in `folder`, waits until it has scraped every part, and ends it."""
    (folder / "alerts.yaml").write_text(shortened_rules())
    configuration = folder / "prometheus.yaml"
    configuration.write_text(yaml.safe_dump(_configuration(stack)))
    port = ReservedPort.reserve()
    command = (
        program,
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={LOOPBACK}:{port.number}",
        "--log.level=warn",
    )
    log = folder / "prometheus.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=folder)
    try:
        running = Prometheus(f"http://{LOOPBACK}:{port.number}")
        wait_until(lambda: _is_scraping(running, process, log), "Prometheus has scraped every part", 60)
        yield running
    finally:
        process.terminate()
        process.wait(30)
        port.release()


def shortened_rules() -> str:
    """The shipped rules without a wait, over short ranges."""
    rules = yaml.safe_load(re.sub(r"\[\d+m\]", f"[{RANGE}]", RULES.read_text()))
    for rule in rules["groups"][0]["rules"]:
        rule.pop("for", None)
        for long, short in SHORTER.get(rule["alert"], {}).items():
            assert long in rule["expr"]
            rule["expr"] = rule["expr"].replace(long, short)
    return yaml.safe_dump(rules)


def _configuration(stack: LocalStack) -> Mapping[str, Any]:
    shipped: dict[str, Any] = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    shipped["global"] = {
        "scrape_interval": INTERVAL,
        "scrape_timeout": INTERVAL,
        "evaluation_interval": INTERVAL,
    }
    tls = stack.tls_files(CALLER)
    addresses = targets(stack)
    for job in shipped["scrape_configs"]:
        job["static_configs"] = [{"targets": [addresses[job["job_name"]]]}]
        job["tls_config"] |= {
            "ca_file": str(tls.ca_file),
            "cert_file": str(tls.certificate_file),
            "key_file": str(tls.key_file),
        }
    return shipped


def _is_scraping(running: Prometheus, process: "subprocess.Popen[bytes]", log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    # It refuses queries while it starts.
    with contextlib.suppress(requests.RequestException):
        return len(running.query("up == 1")) == 4
    return False
