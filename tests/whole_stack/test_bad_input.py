"""Bad input through the gateway: a clear error in the contract's shape, and nothing changed."""

import http.client
import json
from typing import Any

import pytest

from deploy.local.stack import LocalStack
from tests.whole_stack.people import PASSWORD, People, Person

# JSON that a lenient parser might take for something else.
MALFORMED = ["", "{", "[]", "null", '"x"', "{'a':1}", '{"email":}', "{" * 2000, '{"email":"a"}x', "\ufeff{}"]
WRONG_TYPES: list[dict[str, Any]] = [
    {"email": 1, "password": "secret secret"},
    {"email": ["a@example.com"], "password": "secret secret"},
    {"email": {"a": "b"}, "password": "secret secret"},
    {"email": "a@example.com", "password": True},
]
BAD_VALUES: list[dict[str, Any]] = [
    {"email": "not an address", "password": "secret secret"},
    {"email": "a@example.com\u0000", "password": "secret secret"},
    {"email": "a\u0007@example.com", "password": "secret secret"},
    {"email": "a" * 250 + "@example.com", "password": "secret secret"},
    {"email": "a@example.com", "password": "short"},
    {"email": "a@example.com", "password": "p" * 129},
    {"email": "a@example.com", "password": ""},
    {},
]


@pytest.fixture(scope="module")
def person(people: People) -> Person:
    return people.active()


def assert_shape(status: int, body: dict[str, Any], *statuses: int) -> None:
    assert status in statuses, body
    assert isinstance(body["code"], int)
    assert body["message"]
    assert body["details"][0]["reason"].isupper()
    assert body["details"][0]["domain"] == "fastmp"


@pytest.mark.parametrize("body", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_json(people: People, body: str) -> None:
    answer = people.rest(
        "POST", "/auth/register", data=body.encode(), headers={"content-type": "application/json"}
    )
    assert_shape(answer.status_code, answer.json(), 400)


@pytest.mark.parametrize("body", WRONG_TYPES + BAD_VALUES, ids=range(len(WRONG_TYPES + BAD_VALUES)))
def test_wrong_types_and_values(people: People, body: dict[str, Any]) -> None:
    answer = people.rest("POST", "/auth/register", json=body)
    assert_shape(answer.status_code, answer.json(), 400)


def test_invalid_utf8(people: People) -> None:
    data = b'{"email":"\xff\xfe@example.com","password":"secret secret"}'
    answer = people.rest("POST", "/auth/register", data=data, headers={"content-type": "application/json"})
    assert_shape(answer.status_code, answer.json(), 400)


def test_an_oversize_body(people: People) -> None:
    body = {"email": "a@example.com", "password": "p" * 2_000_000}
    answer = people.rest("POST", "/auth/register", json=body)
    assert_shape(answer.status_code, answer.json(), 413)


@pytest.mark.parametrize("path", ["/nothing", "/auth/nothing", "/fastmp.identity.v1.IdentityService/GetMe"])
def test_an_unknown_path(people: People, person: Person, path: str) -> None:
    answer = people.rest("GET", path, person)
    assert_shape(answer.status_code, answer.json(), 404)


def test_an_unknown_query_parameter(people: People, person: Person) -> None:
    answer = people.rest("GET", "/cookie/list", person, params={"surprise": "1"})
    assert_shape(answer.status_code, answer.json(), 400)


@pytest.mark.parametrize(
    "path", ["/static/cookies/..%2f..%2fsecrets.json/avatar.jpg", "/static/cookies/../x"]
)
def test_a_token_with_a_path_in_it(stack: LocalStack, person: Person, path: str) -> None:
    # requests would tidy the path up before it is sent.
    host = stack.gateway_url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("GET", path, headers=person.headers)
    answer = connection.getresponse()
    assert_shape(answer.status, json.loads(answer.read()), 400, 404)
    connection.close()


@pytest.mark.parametrize("token", ["../../x", "１２３", "12 3", "1" * 400, "", "0x12"])
@pytest.mark.parametrize("path", ["/cookie/change", "/cookie/delete"])
def test_a_cookie_token_that_is_none(people: People, person: Person, path: str, token: str) -> None:
    answer = people.rest("POST", path, person, json={"token": token})
    assert_shape(answer.status_code, answer.json(), 400)


@pytest.mark.parametrize("key", ["", "../x", "0" * 31, "g" * 32, "0" * 33, "0" * 5000])
def test_a_login_key_that_is_none(people: People, person: Person, key: str) -> None:
    answer = people.rest("GET", "/cookie/poll", person, params={"login_key": key})
    assert_shape(answer.status_code, answer.json(), 400)


def test_a_login_key_that_nobody_has(people: People, person: Person) -> None:
    answer = people.rest("GET", "/cookie/poll", person, params={"login_key": "0" * 32})
    assert_shape(answer.status_code, answer.json(), 404)


def test_a_foreign_login_key(people: People, person: Person) -> None:
    key = people.rest("GET", "/cookie/get", person).json()["login_key"]
    for stranger in (people.active(), people.admin):
        for path in ("/cookie/poll", "/cookie/watch"):
            answer = people.rest("GET", path, stranger, params={"login_key": key})
            assert_shape(answer.status_code, answer.json(), 404)
        answer = people.rest("POST", "/cookie/cancel", stranger, json={"login_key": key})
        assert_shape(answer.status_code, answer.json(), 404)
    assert people.rest("GET", "/cookie/poll", person, params={"login_key": key}).json()["status"] == "pending"
    assert people.rest("POST", "/cookie/cancel", person, json={"login_key": key}).ok


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/activation/list", {"page": "0"}),
        ("/activation/list", {"size": "201"}),
        ("/activation/list", {"size": "-1"}),
        ("/activation/list", {"page": "99999999999"}),
        ("/activation/list", {"page": "x"}),
        ("/activation/list", {"status": "ACTIVE"}),
        ("/activation/list", {"page_token": "x"}),
        ("/activation/list", {"page_token": "é"}),
        ("/activation/export", {"status": "nothing"}),
        ("/admin/users", {"role": "root"}),
        ("/admin/users", {"activation_status": "x"}),
        ("/admin/users", {"email": "e" * 300}),
        ("/admin/users/not-an-id", {}),
        ("/admin/activation/not-a-code", {}),
    ],
)
def test_bad_queries(people: People, path: str, query: dict[str, str]) -> None:
    answer = people.rest("GET", path, people.admin, params=query)
    assert_shape(answer.status_code, answer.json(), 400)


@pytest.mark.parametrize(
    "body",
    [
        {"valid_days": 0, "count": 1},
        {"valid_days": 3651, "count": 1},
        {"valid_days": 1, "count": 0},
        {"valid_days": 1, "count": 10_001},
        {"valid_days": 1, "count": 1, "request_id": "r" * 65},
        {"valid_days": 1, "count": 1, "request_id": "a\u0000b"},
        {"valid_days": 2**40, "count": 1},
        {"valid_days": 1.5, "count": 1},
    ],
)
def test_bad_generations_make_no_code(people: People, body: dict[str, Any]) -> None:
    before = people.rest("GET", "/activation/list", people.admin).json()["total"]
    answer = people.rest("POST", "/activation/generate", people.admin, json=body)
    assert_shape(answer.status_code, answer.json(), 400)
    assert people.rest("GET", "/activation/list", people.admin).json()["total"] == before


def test_a_refused_registration_makes_no_account(people: People) -> None:
    person = people.pending()
    again = people.rest("POST", "/auth/register", json={"email": person.email.upper(), "password": PASSWORD})
    assert_shape(again.status_code, again.json(), 409)
    found = people.rest("GET", "/admin/users", people.admin, params={"email": person.email}).json()
    assert found["total"] == 1
