"""Fixtures that every folder of tests may use, and which tests are long."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = ["tests.support.certificates", "tests.support.postgres"]

# Proofs that take more than their share of the six minutes of `make test`: `make prove` runs them.
LONG = (
    "console/test_administration.py",
    "console/test_audit_log.py",
    "console/test_guidance.py",
    "console/test_looks.py",
    "console/test_policy.py",
    "console/test_reference.py",
    "console/test_scanning.py",
    "console/test_signing_in.py",
    "console/test_trial.py",
    "proofs",
    "service/deploy/test_lifecycle.py",
    "service/deploy/test_cookie_key_rotation.py",
    "service/identity/test_feed_model.py",
    "service/identity/test_sign_in_timing.py",
    "whole_stack/test_client_outlives_replicas.py",
    "whole_stack/test_command_line.py",
    "whole_stack/test_generated_clients.py",
    "whole_stack/test_hostile_wechat.py",
    "whole_stack/test_openapi_conformance.py",
    "whole_stack/test_openapi_conformance_at_length.py",
    "whole_stack/test_rolling_restart.py",
    "whole_stack/test_wheel.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pgbouncer", action="store_true", help="lead every Database through PgBouncer")


@pytest.fixture(scope="session", autouse=True)
def through_pgbouncer(request: pytest.FixtureRequest) -> Iterator[None]:
    """With --pgbouncer, leads every Database of the tests' server through PgBouncer."""
    if not request.config.getoption("--pgbouncer"):
        yield
        return
    from tests.support.pgbouncer import databases_through_pgbouncer

    with databases_through_pgbouncer(request.getfixturevalue("postgres_server")):
        yield


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    folder = Path(__file__).parent
    if missing := [path for path in LONG if not (folder / path).exists()]:
        raise pytest.UsageError(f"these long tests have moved: {', '.join(missing)}")
    for item in items:
        if item.path.relative_to(folder).as_posix().startswith(LONG):
            item.add_marker(pytest.mark.long)
        if config.getoption("--pgbouncer") and item.get_closest_marker("direct"):
            item.add_marker(pytest.mark.skip(reason="about sessions, which PgBouncer changes"))
