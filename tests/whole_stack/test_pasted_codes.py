"""Activation codes pasted with blanks, marks and dashes, by REST."""

from urllib.parse import quote

from tests.whole_stack.people import People


def test_a_pasted_code_is_understood_in_a_body_and_in_a_path(people: People) -> None:
    (code,) = people.codes(1)
    pasted = f"\ufeff {code[:8]}-{code[8:20].upper()}\u2013\u200b{code[20:]}\u00a0\r\n"
    found = people.rest("GET", f"/admin/activation/{quote(pasted, safe='')}", people.admin)
    assert found.json()["activation_code"] == code
    answer = people.rest("POST", "/activation/activate", people.pending(), json={"activation_code": pasted})
    assert answer.status_code == 200
