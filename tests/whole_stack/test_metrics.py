"""The metrics of the running stack: what panels and alerts need is there, and no label has a user's value."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from tests.support.observability import expressions
from tests.support.promql import metric_names
from tests.support.scraping import scrape
from tests.support.waiting import wait_until
from tests.whole_stack.people import People, Person
from tests.whole_stack.scans import scan

SAMPLE = re.compile(r"^(\w+)[{ ]", re.MULTILINE)
# Sets of fixed words, gRPC methods and numbers. Anything else would be a value of a user, or of WeChat.
VALUE = re.compile(r"[a-zA-Z_][\w.-]{0,60}|/fastmp\.\w+\.v1\.\w+/\w+|\+Inf|-?\d+(\.\d+)?")


@pytest.fixture(scope="module")
def person(people: People) -> Person:
    return people.active()


@pytest.fixture
def scraped(stack: LocalStack, people: People, person: Person, wechat: EmulatorControl) -> dict[str, str]:
    """The metrics after a login and a failed call, once the loops have sampled them."""
    scan(people, person, wechat)
    people.rest("POST", "/activation/activate", person, json={"activation_code": "no such code"})

    def is_sampled() -> bool:
        found = scrape(stack)
        return (
            re.search(r'^wechat_cookies\{health="ok"\} [1-9]', found["wechat_cookie"], re.MULTILINE)
            is not None
            and "wechat_logins_running{" in found["wechat_cookie"]
            and "job_queue_jobs{" in found["activation"]
        )

    wait_until(is_sampled, "the loops have sampled cookies, logins and jobs", 40)
    return scrape(stack)


def samples(scraped: dict[str, str]) -> set[str]:
    """The names of all samples, as written: the parser renames Envoy's counters."""
    return {name for text in scraped.values() for name in SAMPLE.findall(text)}


def test_each_metric_of_a_panel_or_an_alert_is_in_a_scrape(scraped: dict[str, str]) -> None:
    there = samples(scraped)
    missing = {
        place: names - there for place, one in expressions().items() if (names := metric_names(one)) - there
    }
    assert missing == {}


def test_each_metric_of_the_services_is_in_a_panel(scraped: dict[str, str]) -> None:
    there = samples({part: text for part, text in scraped.items() if part != "gateway"})
    used = {
        re.sub("_(count|sum|bucket)$", "", name)
        for one in expressions().values()
        for name in metric_names(one)
    }
    ours = {
        re.sub("_(count|sum|bucket)$", "", name)
        for name in there
        if not name.startswith("process_") and not name.endswith("_created")
    }
    assert ours - used == set()


def test_no_label_of_the_services_has_a_users_value(scraped: dict[str, str], person: Person) -> None:
    values = {
        (sample.name, label, value)
        for part in ("identity", "activation", "wechat_cookie", "notifications")
        for family in text_string_to_metric_families(scraped[part])
        for sample in family.samples
        for label, value in sample.labels.items()
    }
    assert {one for one in values if VALUE.fullmatch(one[2]) is None} == set()
    assert not any(person.id in value or person.email in value for _, _, value in values)
