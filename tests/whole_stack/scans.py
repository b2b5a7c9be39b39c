"""Official accounts logged in over REST, with the hand on the emulated phone."""

from typing import Any

from deploy.wechat_emulator.control import EmulatorControl
from tests.support.waiting import wait_until
from tests.whole_stack.people import People, Person


def begin(people: People, person: Person, wechat: EmulatorControl) -> tuple[str, str]:
    """Starts a login; returns its key, and what the emulated phone knows it by."""
    known = {login.uuid for login in wechat.logins()}
    answer = people.rest("GET", "/cookie/get", person)
    assert answer.ok, answer.text
    [new] = [login.uuid for login in wechat.logins() if login.uuid not in known]
    return str(answer.json()["login_key"]), new


def poll(people: People, person: Person, key: str) -> dict[str, Any]:
    """The state of a login."""
    answer = people.rest("GET", "/cookie/poll", person, params={"login_key": key})
    assert answer.ok, answer.text
    state: dict[str, Any] = answer.json()
    return state


def scan(people: People, person: Person, wechat: EmulatorControl) -> str:
    """Logs an official account in; returns the token of its cookie."""
    key, login = begin(people, person, wechat)
    wechat.scan_and_confirm(login)
    wait_until(lambda: poll(people, person, key)["status"] == "success", "the cookie is saved", 20)
    return str(poll(people, person, key)["cookie"]["token"])
