"""Cookies belong to one account: whose an e-mail is, when an account may save one, which changes are recorded."""

import secrets
from collections.abc import Callable

import psycopg
import pytest

from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from tests.support.waiting import wait_until
from tests.whole_stack import scans
from tests.whole_stack.client_callers import connect
from tests.whole_stack.people import PASSWORD, People, Person


def test_a_cookie_is_acquired_by_the_e_mail_of_its_owner_only(
    stack: LocalStack, people: People, wechat: EmulatorControl
) -> None:
    """PostgreSQL's lower() takes the two addresses for one; Identity's rule does not."""
    name = secrets.token_hex(8)
    emails = [f"{name}{letter}@example.com" for letter in ("i", "İ")]
    tokens = [scans.scan(people, people.active(email), wechat) for email in emails]
    with connect(stack) as collector:
        for email, token in zip(emails, tokens, strict=True):
            with collector.cookie(owner_email=email) as cookie:
                assert cookie.token == token


def test_choosing_the_current_cookie_again_is_not_recorded(people: People, wechat: EmulatorControl) -> None:
    person = people.active()
    first, second = (scans.scan(people, person, wechat) for _ in range(2))

    def chosen(token: str) -> int:
        assert people.rest("POST", "/cookie/change", person, json={"token": token}).json()["is_current"]
        filters = {"actor": person.id, "action": "cookie_chosen"}
        answer = people.rest("GET", "/admin/audit/wechat_cookie", people.admin, params=filters)
        return len(answer.json()["items"])

    assert [chosen(second) for _ in range(5)] == [0] * 5
    assert [chosen(first) for _ in range(5)] == [1] * 5


def log_out(people: People, person: Person) -> None:
    # A logout ends the tokens up to the newest that Identity gave out.
    answer = people.rest("POST", "/auth/login", json={"email": person.email, "password": PASSWORD})
    signed_in = Person(person.id, person.email, answer.json()["access_token"])
    assert people.rest("POST", "/auth/logout", signed_in, json={}).ok


def revoke(people: People, person: Person) -> None:
    people.update(person, activation_status="revoked")


@pytest.mark.parametrize("end_access", [log_out, revoke])
def test_a_scan_after_the_end_of_access_saves_nothing(
    stack: LocalStack, people: People, wechat: EmulatorControl, end_access: Callable[[People, Person], None]
) -> None:
    person = people.active()
    key, login = scans.begin(people, person, wechat)
    end_access(people, person)
    wechat.scan_and_confirm(login)
    with psycopg.connect(stack.database_url("wechat_cookie"), autocommit=True) as database:
        reasons = "SELECT reason FROM logins WHERE id = %s AND ended_at IS NOT NULL"
        wait_until(lambda: database.execute(reasons, (key,)).fetchone(), "the login has ended")
        assert database.execute(reasons, (key,)).fetchone() == ("ACCESS_ENDED",)
        saved = database.execute("SELECT count(*) FROM cookies WHERE owner_id = %s", (person.id,))
        assert saved.fetchone() == (0,)
    # Nor did WeChat give a session out.
    assert [session for session in wechat.sessions() if session.login == login] == []
