"""The audit log's filters take e-mails; what is no e-mail is left to the services, which know codes and names."""

import json
from urllib.parse import unquote

import pytest

from tests.cli.conftest import sign_in
from tests.cli.program import Program
from tests.cli.scripted_server import Reply, serving

ALICE = {"id": "7d9f1f0e-8f6b-4a52-9d53-1c1f2f0c9a11", "email": "Alice@example.com"}
ACCOUNTS = Reply(body=json.dumps({"items": [ALICE], "total": 1}).encode())
ENTRIES = Reply(body=b'{"items": []}')


@pytest.mark.parametrize("option", ["actor", "target"])
def test_an_email_becomes_the_accounts_id(process: Program, option: str) -> None:
    with serving(ACCOUNTS, ENTRIES) as server:
        sign_in(process, server.url)
        assert process.json("admin", "audit", "list", f"--{option}", "alice@example.com") == {"items": []}
    (looked_up, _), (listed, _) = server.requests
    assert unquote(looked_up).startswith("GET /admin/users?email=alice@example.com")
    assert f"{option}={ALICE['id']}" in listed


def test_an_unknown_email_is_named_and_nothing_is_listed(process: Program) -> None:
    with serving(Reply(body=b'{"items": [], "total": 0}')) as server:
        sign_in(process, server.url)
        ended = process.run("admin", "audit", "list", "--actor", "bob@example.com")
    assert ended.code == 1
    assert "bob@example.com" in ended.err
    assert len(server.requests) == 1


def test_a_name_is_sent_as_it_is(process: Program) -> None:
    with serving(ENTRIES) as server:
        sign_in(process, server.url)
        process.json("admin", "audit", "list", "--service", "wechat_cookie", "--target", "人民日报")
    assert "target=人民日报" in unquote(server.requests[0][0])
