"""GetCode, UpdateCode, RevokeCode, DeleteCode: what admins do to single codes."""

from collections.abc import Callable

import grpc
import pytest

from tests.service.activation.replicas import UNKNOWN_CODE, Replica, refusal
from tests.service.identity.replicas import Clock
from tests.service.scripted_identity import Account, World

Call = Callable[[Replica, Account, str], object]
CALLS: list[Call] = [Replica.get, Replica.update, Replica.revoke, Replica.delete]


@pytest.mark.parametrize("call", CALLS)
def test_an_unknown_code_is_not_found(replica: Replica, admin: Account, call: Call) -> None:
    expected = (grpc.StatusCode.NOT_FOUND, "CODE_NOT_FOUND")

    assert refusal(lambda: call(replica, admin, UNKNOWN_CODE)) == expected


@pytest.mark.parametrize("call", CALLS)
def test_what_is_no_code_is_bad_input(replica: Replica, admin: Account, call: Call) -> None:
    expected = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")

    assert refusal(lambda: call(replica, admin, "../" * 10)) == expected


@pytest.mark.parametrize("call", CALLS)
def test_only_admins_may(replica: Replica, admin: Account, person: Account, call: Call) -> None:
    code = replica.new_code(admin)

    assert refusal(lambda: call(replica, person, code)) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "ADMIN_REQUIRED",
    )
    assert replica.get(admin, code).activation_status == "pending"


def test_a_code_past_its_expiry_date_reads_as_expired(
    replica: Replica, admin: Account, person: Account, clock: Clock
) -> None:
    code = replica.new_code(admin, valid_days=1)
    replica.activate(person, code)
    assert replica.get(admin, code).activation_status == "active"
    clock.advance(days=1)

    assert replica.get(admin, code).activation_status == "expired"


def test_only_the_fields_that_are_sent_change(replica: Replica, admin: Account, clock: Clock) -> None:
    code = replica.new_code(admin, valid_days=10)
    made = replica.get(admin, code)
    clock.advance(hours=1)

    longer = replica.update(admin, code, valid_days=20)
    assert (longer.valid_days, longer.activation_status) == (20, "pending")
    assert longer.create_time == made.create_time
    assert longer.update_time.ToSeconds() >= made.update_time.ToSeconds() + 3600

    stopped = replica.update(admin, code, status="revoked")
    assert (stopped.valid_days, stopped.activation_status) == (20, "revoked")
    assert replica.get(admin, code) == stopped


def test_changing_nothing_changes_nothing(replica: Replica, admin: Account, clock: Clock) -> None:
    code = replica.new_code(admin, valid_days=10)
    before = replica.get(admin, code)
    clock.advance(hours=1)

    assert replica.update(admin, code) == before
    assert replica.update(admin, code, valid_days=10, status="pending") == before


def test_the_bound_account_is_not_changed(replica: Replica, admin: Account, person: Account) -> None:
    code = replica.new_code(admin, valid_days=10)
    replica.activate(person, code)
    before, until = replica.get(admin, code), person.expired_time

    after = replica.update(admin, code, valid_days=99, status="expired")

    assert (after.valid_days, after.activation_status) == (99, "expired")
    assert after.expiry_date == before.expiry_date
    assert (person.activation_code, person.activation_status, person.expired_time) == (code, "active", until)


def test_a_redeemed_code_does_not_become_redeemable_again(
    replica: Replica, admin: Account, person: Account
) -> None:
    code = replica.new_code(admin)
    replica.activate(person, code)
    expected = (grpc.StatusCode.FAILED_PRECONDITION, "CODE_BOUND")

    assert refusal(lambda: replica.update(admin, code, status="pending", valid_days=3)) == expected
    replica.revoke(admin, code)
    assert refusal(lambda: replica.update(admin, code, status="pending")) == expected
    assert replica.get(admin, code).valid_days == 30


def test_a_revoked_code_that_nobody_redeemed_can_be_offered_again(
    replica: Replica, admin: Account, person: Account
) -> None:
    code = replica.new_code(admin)
    replica.revoke(admin, code)
    replica.update(admin, code, status="pending")

    assert replica.activate(person, code).activation_status == "active"


@pytest.mark.parametrize(
    "changes", [{"valid_days": 0}, {"valid_days": 3651}, {"status": "used"}, {"status": ""}]
)
def test_bad_values_are_refused(replica: Replica, admin: Account, changes: dict[str, object]) -> None:
    code = replica.new_code(admin)
    before = replica.get(admin, code)
    expected = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")

    assert refusal(lambda: replica.update(admin, code, **changes)) == expected
    assert replica.get(admin, code) == before


def test_revoking_again_changes_nothing(replica: Replica, admin: Account, clock: Clock) -> None:
    code = replica.new_code(admin)
    first = replica.revoke(admin, code)
    clock.advance(hours=1)

    assert first.activation_status == "revoked"
    assert replica.revoke(admin, code) == first


def test_a_deleted_code_is_gone_and_its_account_is_reset(
    replica: Replica, admin: Account, person: Account
) -> None:
    code = replica.new_code(admin)
    replica.activate(person, code)

    assert replica.delete(admin, code).status == "ok"

    gone = (grpc.StatusCode.NOT_FOUND, "CODE_NOT_FOUND")
    assert (person.activation_code, person.activation_status, person.expired_time) == (None, "pending", None)
    assert refusal(lambda: replica.get(admin, code)) == gone
    assert refusal(lambda: replica.delete(admin, code)) == gone
    assert refusal(lambda: replica.activate(person, code)) == gone


def test_deleting_an_older_code_leaves_the_account_with_its_newer_one(
    replica: Replica, world: World, admin: Account, person: Account
) -> None:
    older, newer = replica.new_code(admin), replica.new_code(admin)
    replica.activate(person, older)
    replica.activate(person, newer)

    replica.delete(admin, older)

    assert (person.activation_code, person.activation_status) == (newer, "active")
