"""The audit logs of the running services: who did what, and whether anybody tampered with it."""

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from deploy.local.stack import LocalStack
from tests.support.waiting import wait_until
from tests.whole_stack.people import PASSWORD, People

PATHS = {
    "identity": "/admin/audit",
    "activation": "/admin/audit/activation",
    "wechat_cookie": "/admin/audit/wechat_cookie",
    "notifications": "/admin/audit/notifications",
}


def entries(people: People, service: str, **filters: str) -> list[dict[str, Any]]:
    answer = people.rest("GET", PATHS[service], people.admin, params=filters)
    assert answer.ok, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def verdict(people: People, service: str, **query: str) -> dict[str, Any]:
    answer = people.rest("GET", f"{PATHS[service]}/verify", people.admin, params=query)
    assert answer.ok, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_what_was_done_is_recorded_with_who_and_from_where(people: People) -> None:
    person = people.pending()
    assert people.rest("POST", "/auth/login", json={"email": person.email, "password": PASSWORD}).ok
    assert not people.rest("POST", "/auth/login", json={"email": person.email, "password": "wrong one"}).ok
    code = people.codes(1)[0]
    redeemed = people.rest("POST", "/activation/activate", person, json={"activation_code": code})
    people.rest("DELETE", f"/admin/users/{person.id}", people.admin)
    logged = [(entry["action"], entry["outcome"]) for entry in entries(people, "identity", target=person.id)]
    assert logged == [
        ("account_deleted", "ok"),
        ("activation_applied", "ok"),
        ("sign_in", "WRONG_CREDENTIALS"),
        ("sign_in", "ok"),
        ("account_created", "ok"),
    ]
    # The account is deleted, and its e-mail with it.
    (signed_in,) = entries(people, "identity", actor=person.id)
    assert (signed_in["action"], signed_in["actor_email"]) == ("sign_in", "")
    (entry,) = entries(people, "activation", actor=person.id)
    assert (entry["action"], entry["actor_email"]) == ("code_activated", "")
    assert entry["client_address"] == "127.0.0.1"
    assert entry["request_id"] == redeemed.headers["x-request-id"]
    assert code not in str(entries(people, "activation"))


def test_e_mails_are_shown_and_not_recorded(people: People, stack: LocalStack) -> None:
    person = people.active()
    people.rest("POST", "/auth/login", json={"email": person.email, "password": PASSWORD})
    people.rest("POST", "/auth/logout", people.another_admin(), json={})
    people.codes(1)
    for service, action in (("identity", "sign_in"), ("activation", "code_activated")):
        assert entries(people, service, actor=person.id, action=action)[0]["actor_email"] == person.email
    assert entries(people, "activation", action="codes_generated")[0]["actor_email"] == people.admin.email
    for service in PATHS:
        with psycopg.connect(stack.database_url(service)) as connection:
            query = "SELECT count(*) FROM audit_log WHERE audit_log::text LIKE '%@%' OR actor_email <> ''"
            assert connection.execute(query).fetchone() == (0,)


@pytest.mark.parametrize("service", PATHS)
def test_an_untouched_log_is_intact(people: People, service: str) -> None:
    people.pending()
    wait_until(lambda: all(entry["position"] != "0" for entry in entries(people, service)))
    found = verdict(people, service)
    assert (found["intact"], found["complete"]) == (True, True)
    if found["checked"]:
        again = verdict(people, service, anchor_position=found["position"], anchor_digest=found["digest"])
        assert again["intact"]


def test_only_admins_read_it(people: People) -> None:
    person = people.active()
    for path in PATHS.values():
        for suffix in ("", "/verify"):
            assert people.rest("GET", path + suffix, person).status_code == 403


def test_pages_go_on_where_the_last_one_ended(people: People) -> None:
    for _ in range(3):
        people.pending()
    first = people.rest("GET", "/admin/audit", people.admin, params={"size": "2"}).json()
    second = people.rest(
        "GET", "/admin/audit", people.admin, params={"size": "2", "page_token": first["next_page_token"]}
    ).json()
    request_ids = [entry["request_id"] for entry in first["items"] + second["items"]]
    assert len(set(request_ids)) == 4


def test_a_deleted_entry_is_noticed(people: People, stack: LocalStack) -> None:
    people.codes(1)
    people.codes(1)
    wait_until(lambda: entries(people, "activation")[0]["position"] != "0")
    position = int(entries(people, "activation")[0]["position"])
    with psycopg.connect(stack.database_url("activation")) as connection:
        connection.execute("ALTER TABLE audit_log DISABLE TRIGGER USER")
        taken = connection.execute(
            "DELETE FROM audit_log WHERE position = %s RETURNING *", (position,)
        ).fetchone()
        connection.execute("ALTER TABLE audit_log ENABLE TRIGGER USER")
    found = verdict(people, "activation")
    assert (found["intact"], found["broken_position"]) == (False, str(position))
    # Put back as it was, for the tests that share this stack.
    assert taken is not None
    with psycopg.connect(stack.database_url("activation")) as connection:
        marks = ", ".join(["%s"] * len(taken))
        row = [Jsonb(value) if isinstance(value, dict) else value for value in taken]
        connection.execute(f"INSERT INTO audit_log OVERRIDING SYSTEM VALUE VALUES ({marks})", row)
    assert verdict(people, "activation")["intact"]


def test_an_entry_that_the_databases_role_writes_is_not_taken_for_genuine(
    people: People, stack: LocalStack
) -> None:
    with psycopg.connect(stack.database_url("identity"), autocommit=True) as database:
        database.execute(
            "INSERT INTO audit_log"
            " (time, action, outcome, actor, actor_email, target, client_address, request_id, details, mac)"
            " VALUES (now(), 'forged', 'ok', %s, '', '', '', '', '{}', sha256('guess'))",
            (people.admin.id,),
        )
        try:
            # A genuine entry that is written later is sealed, so the forged one had its turn.
            person = people.pending()
            wait_until(lambda: entries(people, "identity", target=person.id)[0]["position"] != "0")
            assert entries(people, "identity", action="forged")[0]["position"] == "0"
            found = verdict(people, "identity")
            assert (found["intact"], found["broken_reason"]) == (False, "FORGED")
        finally:
            # For the tests that share this stack.
            database.execute("ALTER TABLE audit_log DISABLE TRIGGER USER")
            database.execute("DELETE FROM audit_log WHERE action = 'forged'")
            database.execute("ALTER TABLE audit_log ENABLE TRIGGER USER")
    assert verdict(people, "identity")["intact"]
