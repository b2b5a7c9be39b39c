"""The command line of services.reconcile."""

from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import pytest

from services.reconcile.__main__ import main
from tests.service.reconcile.conftest import KEYS, SERVICES, FastMP, code, person


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(fastmp: FastMP, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command with the settings of these databases in the environment."""
    for service in SERVICES:
        setting = f"{service}_database_url"
        monkeypatch.setenv(setting.upper(), getattr(fastmp.settings, setting))
    for setting, key in KEYS.items():
        monkeypatch.setenv(setting.upper(), key)

    def command(*arguments: str) -> Ended:
        monkeypatch.setattr("sys.argv", ["services.reconcile", *arguments])
        capsys.readouterr()
        return Ended(main(), *capsys.readouterr())

    return command


def test_it_only_reports_unless_it_is_said_to_apply(fastmp: FastMP, run: Run) -> None:
    one, used = fastmp.registers(person()), code()
    fastmp.claims(one, used)
    before = fastmp.digest()

    planned = run()

    assert (planned.status, planned.err) == (0, "")
    assert "inconsistencies: 1 (1 NOT_APPLIED)\n" in planned.out
    assert "all access tokens and password links will be ended" in planned.out
    assert planned.out.endswith("nothing was written; with --apply it is\n")
    assert used not in planned.out
    assert fastmp.digest() == before

    done = run("--apply", "--keep-tokens")

    assert done.out.splitlines() == planned.out.splitlines()[:2]
    assert run("--keep-tokens").out.startswith("inconsistencies: 0\n")


def test_services_must_be_stopped(fastmp: FastMP, run: Run) -> None:
    with psycopg.connect(fastmp.settings.activation_database_url, application_name="fastmp-activation"):
        refused = run("--apply")
    said = "reconcile: a service uses its database; stop all services first\n"
    assert refused == Ended(1, "", said)


def test_one_line_says_that_a_database_cannot_be_used(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_DATABASE_URL", "postgresql://nobody:secret-pass@127.0.0.1:1/none")
    assert run() == Ended(1, "", "reconcile: DATABASE_UNAVAILABLE\n")
