"""docs/operations/failover.md shows the configurations that the proofs run with."""

import re
from pathlib import Path

import yaml

from tests.proofs.failover.cluster import TIMING
from tests.support.pgbouncer import CONNECT_QUERY

DOCUMENT = (Path(__file__).parents[3] / "docs" / "operations" / "failover.md").read_text()


def test_the_settings_of_patroni_are_those_of_the_proof() -> None:
    [shown] = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    dcs = yaml.safe_load(shown)["bootstrap"]["dcs"]
    assert {name: value for name, value in dcs.items() if name != "postgresql"} == TIMING
    assert dcs["postgresql"]["use_pg_rewind"] is True


def test_the_timeouts_of_pgbouncer_are_those_of_the_services() -> None:
    assert f"connect_query='{CONNECT_QUERY}'" in DOCUMENT
