"""What the RPCs of the audit log answer: pages, filters, and verdicts that go on from noted anchors."""

import uuid
from collections.abc import Sequence

import pytest
from sqlalchemy import Connection

from services.chassis.audit.actors import Emails
from services.chassis.audit.api import LARGEST_POSITION, AuditReader, ListValues, VerifyValues
from services.chassis.audit.recording import Event
from services.chassis.errors import InvalidArgumentError
from services.chassis.identity.client import IdentityUnavailableError
from tests.service.chassis.audit_world import DAY, KEEP, KEY, World


def reader(world: World, emails: Emails = lambda _ids: {}) -> AuditReader:
    return AuditReader(world.database, world.tables, KEY, KEEP, lambda: world.now, emails)


def actions(world: World, values: ListValues) -> list[str]:
    return [item.action for item in reader(world).list(values).items]


def test_a_page_has_the_e_mails_that_actors_have_now_and_none_when_identity_is_away(world: World) -> None:
    known, gone = (str(uuid.uuid4()) for _ in range(2))
    asked: list[Sequence[str]] = []

    def emails(ids: Sequence[str]) -> dict[str, str]:
        asked.append(ids)
        return {known: "known@example.com"}

    def away(_ids: Sequence[str]) -> dict[str, str]:
        raise IdentityUnavailableError

    for actor in (known, gone, "service:collector", "", known):
        with world.database.transaction() as connection:
            world.log.record(connection, Event("a", actor=actor))
    world.tamper("UPDATE audit_log SET actor_email = 'old@example.com', details = '{\"email\": \"o@e.com\"}'")

    def shown(lookup: Emails) -> list[tuple[str, str]]:
        items = reader(world, lookup).list(ListValues()).items
        assert not any(item.details for item in items)
        return [(item.actor, item.actor_email) for item in items]

    nameless = [("", ""), ("service:collector", ""), (gone, "")]
    with_email = (known, "known@example.com")
    assert shown(emails) == [with_email, *nameless, with_email]
    assert asked == [sorted([known, gone])]
    assert shown(away) == [(known, ""), *nameless, (known, "")]


def test_pages_follow_each_other_newest_first_until_there_is_no_more(world: World) -> None:
    world.seal(*"abc")
    world.record("d", "e")
    first = reader(world).list(ListValues(size=2))
    assert [(item.action, item.position) for item in first.items] == [("e", 0), ("d", 0)]
    second = reader(world).list(ListValues(size=3, page_token=first.next_page_token))
    assert [(item.action, item.position) for item in second.items] == [("c", 3), ("b", 2), ("a", 1)]
    assert not second.HasField("next_page_token")


def test_an_entry_is_listed_as_it_was_recorded(world: World) -> None:
    world.record("a")
    (item,) = reader(world).list(ListValues()).items
    assert (item.outcome, item.actor, item.target, dict(item.details)) == (
        "ok",
        "b",
        "t",
        {"z": "1", "a": "值"},
    )
    assert item.time.ToDatetime(world.now.tzinfo) == world.now


def test_filters_let_through_what_matches_all_of_them(world: World) -> None:
    for action, target, actor in (("a", "t", "x"), ("b", "t", "x"), ("a", "u", "x"), ("a", "t", "y")):
        with world.database.transaction() as connection:
            world.log.record(connection, Event(action, target, actor=actor))
    assert len(actions(world, ListValues(action="a"))) == 3
    assert len(actions(world, ListValues(target="t"))) == 3
    assert len(actions(world, ListValues(actor="x"))) == 3
    assert actions(world, ListValues(action="a", target="t", actor="x")) == ["a"]


@pytest.mark.parametrize("token", ["", "x", "-1", "1.5", "١", str(LARGEST_POSITION + 1)])
def test_a_page_token_that_no_page_had_is_refused(world: World, token: str) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        reader(world).list(ListValues(page_token=token))
    assert [violation.field for violation in refused.value.violations] == ["page_token"]


def test_the_largest_page_token_is_one(world: World) -> None:
    world.record("a")
    assert actions(world, ListValues(page_token=str(LARGEST_POSITION))) == ["a"]


def test_a_verdict_is_answered_and_the_next_goes_on_from_it(world: World) -> None:
    world.seal("a", "b")
    first = reader(world).verify(VerifyValues())
    assert (first.intact, first.complete, first.checked, first.position) == (True, True, 2, 2)
    world.seal("c")
    noted = VerifyValues(after_position=2, anchor_position=2, anchor_digest=first.digest)
    assert (reader(world).verify(noted).intact, reader(world).verify(noted).checked) == (True, 1)
    passed = VerifyValues(anchor_position=2, anchor_digest=first.digest)
    assert (reader(world).verify(passed).intact, reader(world).verify(passed).checked) == (True, 3)


@pytest.mark.parametrize(("after", "checked", "broken"), [(0, 1, 2), (2, 0, 2)])
def test_an_anchor_that_was_noted_of_another_log_is_a_mismatch(
    world: World, after: int, checked: int, broken: int
) -> None:
    world.seal("a", "b")
    values = VerifyValues(after_position=after, anchor_position=2, anchor_digest="0" * 64)
    verdict = reader(world).verify(values)
    assert (verdict.intact, verdict.complete, verdict.checked) == (False, False, checked)
    assert (verdict.broken_reason, verdict.broken_position) == ("ANCHOR_MISMATCH", broken)


@pytest.mark.parametrize(
    "half",
    [VerifyValues(anchor_position=1), VerifyValues(anchor_digest="0" * 64)],
    ids=["position", "digest"],
)
def test_half_an_anchor_is_refused(world: World, half: VerifyValues) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        reader(world).verify(half)
    assert [violation.field for violation in refused.value.violations] == ["anchor_digest"]


def test_an_entry_from_before_what_is_kept_is_forged(world: World) -> None:
    world.record("a")
    world.now += KEEP - DAY
    assert reader(world).verify(VerifyValues()).intact
    world.now += 2 * DAY
    assert reader(world).verify(VerifyValues()).broken_reason == "FORGED"


def test_a_target_may_be_given_by_its_name(world: World) -> None:
    first, second, other = (str(uuid.uuid4()) for _ in range(3))
    with world.database.transaction() as connection:
        for target in (first, second, other, "a name"):
            world.log.record(connection, Event("a", target))

    def named(_connection: Connection, name: str) -> list[str]:
        return [first, second] if name == "a name" else []

    log = AuditReader(
        world.database, world.tables, KEY, KEEP, lambda: world.now, lambda _ids: {}, named=named
    )

    def targets(target: str) -> list[str]:
        return [item.target for item in log.list(ListValues(target=target)).items]

    assert targets("a name") == ["a name", second, first]
    assert targets(other) == [other]
    assert targets("another name") == []
