"""What was gained counts with the very next call, at the services too that have just refused the caller."""

from tests.whole_stack.people import People, Person

ROUNDS = 10
ACTIVE_PATHS = ("/cookie/list",)
ADMIN_PATHS = ("/admin/audit/activation", "/admin/audit/wechat_cookie", "/admin/audit")


def statuses(people: People, person: Person, paths: tuple[str, ...]) -> list[int]:
    return [people.rest("GET", path, person).status_code for path in paths]


def test_a_redeemed_code_opens_everything_at_once(people: People) -> None:
    for code in people.codes(ROUNDS):
        person = people.pending()
        assert statuses(people, person, ACTIVE_PATHS) == [403]
        answer = people.rest("POST", "/activation/activate", person, json={"activation_code": code})
        assert answer.status_code == 200
        assert statuses(people, person, ACTIVE_PATHS) == [200]


def test_a_new_admin_is_one_at_once(people: People) -> None:
    for _ in range(ROUNDS):
        person = people.pending()
        assert statuses(people, person, ADMIN_PATHS) == [403, 403, 403]
        people.update(person, role="admin")
        assert statuses(people, person, ADMIN_PATHS) == [200, 200, 200]
