"""`fastmp activate` shows the access before and after, and asks when days would be lost."""

import json
from collections.abc import Mapping

import pytest

from tests.cli.conftest import sign_in
from tests.cli.program import Program
from tests.cli.scripted_server import Reply, refusal, serving
from tests.cli.terminal import Terminal

CODE = "0123456789abcdef" * 2
ENDS, NEW_END = "2031-01-02T03:04:05Z", "2026-02-03T04:05:06Z"
LOSING = {
    "valid_days": 30,
    "days_from": "now",
    "expired_time": ENDS,
    "new_expired_time": NEW_END,
    "days_lost": 1799,
}
HARMLESS = {"valid_days": 30, "days_from": "expiry", "new_expired_time": NEW_END, "days_lost": 0}
ENDLESS = {"valid_days": 30, "days_from": "now", "new_expired_time": NEW_END, "days_lost": 2_912_000}
REDEEMED = {"email": "alice@example.com", "activation_status": "active", "expired_time": NEW_END}


def reply(document: Mapping[str, object]) -> Reply:
    return Reply(body=json.dumps(document).encode())


def test_without_a_loss_the_code_is_redeemed_and_both_ends_are_shown(program: Program) -> None:
    with serving(reply(HARMLESS), reply(REDEEMED)) as server:
        sign_in(program, server.url)
        done = program.run("activate", CODE)

    assert (done.code, "Access now: none; with this code: until 2026-02-03" in done.err) == (0, True)
    assert "Active until 2026-02-03" in done.out
    assert [line for line, _ in server.requests] == [
        f"GET /activation/preview?activation_code={CODE}",
        "POST /activation/activate",
    ]


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_without_a_terminal_a_loss_needs_yes(program: Program, options: tuple[str, ...]) -> None:
    with serving(reply(LOSING)) as server:
        sign_in(program, server.url)
        done = program.run("activate", CODE, *options)

    assert done.code == 2
    assert done.out == ""
    assert "--yes" in done.err
    assert len(server.requests) == 1


def test_yes_redeems_whatever_is_lost(program: Program) -> None:
    with serving(reply(LOSING), reply(REDEEMED)) as server:
        sign_in(program, server.url)
        done = program.run("activate", CODE, "--yes", "--json")

    assert (done.code, done.document) == (0, REDEEMED)


@pytest.mark.parametrize(
    ("preview", "asked"), [(LOSING, "lose 1799 days"), (ENDLESS, "access without an end")]
)
def test_a_terminal_is_asked_and_no_redeems_nothing(
    program: Program, preview: Mapping[str, object], asked: str
) -> None:
    with serving(reply(preview)) as server:
        sign_in(program, server.url)
        with Terminal(program, "activate", CODE, variables={}) as terminal:
            terminal.wait_for(asked)
            terminal.type("n")
            assert terminal.wait_for_end() == 1

    assert len(server.requests) == 1


def test_what_refuses_the_preview_ends_the_command(program: Program) -> None:
    with serving(refusal(404, "CODE_NOT_FOUND")) as server:
        sign_in(program, server.url)
        done = program.run("activate", typed=CODE)

    assert done.code == 1
    assert "CODE_NOT_FOUND" in done.err
    assert len(server.requests) == 1


def test_codes_are_generated_with_their_terms(program: Program) -> None:
    code = {"activation_code": CODE}
    with serving(reply({"codes": [code], "batch_id": "the-batch"})) as server:
        sign_in(program, server.url)
        done = program.run(
            *("admin", "codes", "generate", "--days", "30", "--note", "给张三"),
            *("--days-from", "expiry", "--redeem-before", "2031-01-02"),
        )

    assert (done.code, done.out.strip(), "Batch the-batch" in done.err) == (0, CODE, True)
    assert program.run("admin", "codes", "generate", "--days", "30", "--days-from", "today").code == 2


def test_codes_are_listed_by_batch_and_part(program: Program) -> None:
    with serving(reply({"items": [], "total": 0})) as server:
        sign_in(program, server.url)
        assert program.run("admin", "codes", "list", "--batch", "b", "--code", "7f3a").code == 0

    assert "batch_id=b&code=7f3a" in server.requests[0][0]


def test_revoking_a_batch_is_confirmed(program: Program) -> None:
    with serving(reply({"revoked": 3, "active": 1})) as server:
        sign_in(program, server.url)
        assert program.run("admin", "codes", "revoke-batch", "the-batch").code == 2
        done = program.run("admin", "codes", "revoke-batch", "the-batch", "--yes")

    assert (done.code, "3 codes are revoked" in done.out) == (0, True)
    assert [line for line, _ in server.requests] == ["POST /activation/batches/revoke"]
