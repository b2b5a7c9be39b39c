"""As test_openapi_conformance.py, with every boundary of every field and many more calls."""

from pathlib import Path

import pytest

from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from tests.whole_stack.people import People
from tests.whole_stack.test_openapi_conformance import caller, conformance, settings, what_exists

CALLS_OF_EACH = "25"


@pytest.mark.timeout(1000)
@pytest.mark.parametrize("kind", ["anonymous", "pending", "active", "admin"])
def test_every_boundary_of_every_operation_is_answered_as_described(
    stack: LocalStack, people: People, wechat: EmulatorControl, tmp_path: Path, kind: str
) -> None:
    person = caller(people, kind)
    configuration = settings(person, what_exists(people, person, wechat))
    conformance(
        stack, tmp_path, configuration, "--phases", "coverage,fuzzing", "--max-examples", CALLS_OF_EACH
    )
