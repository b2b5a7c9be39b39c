"""The connection parameters of a database URL."""

import time

import pytest

from services.chassis.postgres.connecting import answer_seconds, answers_until, parameters


def test_a_url_may_name_several_hosts() -> None:
    found = parameters("postgresql://role:p%40ss@one:5433,two:5434/identity?sslmode=verify-full")
    assert (found["host"], found["port"], found["password"]) == ("one,two", "5433,5434", "p@ss")
    assert (found["dbname"], found["sslmode"]) == ("identity", "verify-full")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_the_scheme_may_name_a_driver(scheme: str) -> None:
    assert parameters(f"{scheme}://role@one/identity")["host"] == "one"


def test_the_url_overrides_the_defaults() -> None:
    assert parameters("postgresql://one/x")["target_session_attrs"] == "read-write"
    assert parameters("postgresql://one/x?target_session_attrs=any")["target_session_attrs"] == "any"


def test_what_libpq_does_not_understand_is_named_without_the_url() -> None:
    with pytest.raises(ValueError, match="libpq") as caught:
        parameters("postgresql://role:canary@one/identity?canary=canary")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(("seconds", "expected"), [(1, 6), (9, 8.6), (31, 12)])
def test_a_call_waits_for_an_answer_until_its_deadline(seconds: float, expected: float) -> None:
    assert answer_seconds() == 12
    with answers_until(time.monotonic(), least=3):
        assert answer_seconds() == 3
    with answers_until(time.monotonic() + seconds):
        assert answer_seconds() == pytest.approx(expected, abs=0.1)
