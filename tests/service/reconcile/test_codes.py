"""Codes on which Identity and Activation do not agree: none can be redeemed twice, and no redemption is lost."""

import datetime

from services.identity.accounts.activations import Activations
from tests.service.reconcile.conftest import DAYS, END, REDEEMED, FastMP, code, person

DAY = datetime.timedelta(days=1)
ISO_REDEEMED, ISO_END = "2040-01-01T12:00:00.123456Z", "2040-01-31T12:00:00.123456Z"


def test_a_redemption_that_only_activation_knows_is_applied(fastmp: FastMP) -> None:
    one, used = fastmp.registers(person()), code()
    fastmp.claims(one, used)
    fastmp.reconciled("NOT_APPLIED")
    assert fastmp.access(one) == ("active", used, END)


def test_redemptions_are_applied_in_their_order_and_days_are_added_to_what_was_left(fastmp: FastMP) -> None:
    one, first, later = fastmp.registers(person()), code(), code()
    fastmp.claims(one, later, REDEEMED + 10 * DAY, "expiry")
    fastmp.claims(one, first)
    fastmp.reconciled("NOT_APPLIED", "NOT_APPLIED")
    end = END + DAYS * DAY
    assert fastmp.access(one) == ("active", later, end)
    # As it was when the code was redeemed, Activation stores the end that Identity has computed.
    assert fastmp.stored(later)[4] == end.isoformat(timespec="microseconds").replace("+00:00", "Z")


def test_an_account_that_is_revoked_gets_no_access_and_the_code_stays_used(fastmp: FastMP) -> None:
    one, used = fastmp.registers(person()), code()
    with fastmp.databases["identity"].transaction() as connection:
        connection.exec_driver_sql("UPDATE accounts SET activation_status = 'revoked' WHERE role = 'user'")
    fastmp.claims(one, used)
    fastmp.reconciled("NOT_APPLIED_REVOKED")
    assert fastmp.access(one) == ("revoked", None, None)
    assert fastmp.stored(used)[:2] == ("active", one.id)
    remembered = "SELECT activation_code, account_id FROM account_activations"
    assert fastmp.rows("identity", remembered) == [(used, one.id)]


def test_a_redemption_that_only_identity_knows_is_marked(fastmp: FastMP) -> None:
    one, used = fastmp.registers(person()), code()
    fastmp.applies(one, used)
    fastmp.generates(used)
    fastmp.reconciled("NOT_REDEEMED")
    assert fastmp.stored(used) == ("active", one.id, one.email, ISO_REDEEMED, ISO_END, DAYS)
    # As the service records it.
    assert fastmp.rows("activation", "SELECT action, actor FROM audit_log") == [
        ("code_activated", "service:reconcile")
    ]


def test_a_code_that_an_admin_revoked_after_its_redemption_stays_revoked(fastmp: FastMP) -> None:
    one, used = fastmp.registers(person()), code()
    fastmp.applies(one, used)
    fastmp.generates(used)
    with fastmp.databases["activation"].transaction() as connection:
        connection.exec_driver_sql("UPDATE activation_codes SET activation_status = 'revoked'")
    fastmp.reconciled("NOT_REDEEMED")
    assert fastmp.stored(used)[:2] == ("revoked", one.id)


def test_of_two_redemptions_the_one_that_was_applied_stands(fastmp: FastMP) -> None:
    one, other, used = fastmp.registers(person()), fastmp.registers(person()), code()
    fastmp.applies(one, used)
    fastmp.claims(other, used, REDEEMED + DAY)
    fastmp.reconciled("OTHER_REDEMPTION")
    assert fastmp.stored(used)[1:5] == (one.id, one.email, ISO_REDEEMED, ISO_END)
    assert fastmp.access(other) == ("pending", None, None)


def test_the_time_of_a_redemption_is_identitys(fastmp: FastMP) -> None:
    one, used = fastmp.registers(person()), code()
    fastmp.applies(one, used)
    fastmp.claims(one, used, REDEEMED - DAY)
    fastmp.reconciled("OTHER_REDEMPTION")
    assert fastmp.stored(used)[3:5] == (ISO_REDEEMED, ISO_END)


def test_times_that_an_old_release_did_not_store_are_not_compared(fastmp: FastMP) -> None:
    one, used = fastmp.registers(person()), code()
    fastmp.applies(one, used)
    fastmp.claims(one, used)
    with fastmp.databases["identity"].transaction() as connection:
        connection.exec_driver_sql("UPDATE account_activations SET redeemed_at = NULL")
    fastmp.reconciled()


def test_a_code_that_activation_never_knew_is_created_as_redeemed(fastmp: FastMP) -> None:
    one, used, added = fastmp.registers(person()), code(), code()
    fastmp.applies(one, used)
    end = fastmp.applies(one, added, REDEEMED + DAY, added_days=7)
    assert end == END + 7 * DAY
    fastmp.reconciled("CODE_LOST", "CODE_LOST")
    assert fastmp.stored(used) == ("active", one.id, one.email, ISO_REDEEMED, ISO_END, DAYS)
    assert fastmp.stored(added)[5] == 7
    assert fastmp.rows("activation", "SELECT days_from FROM activation_codes ORDER BY valid_days") == [
        ("expiry",),
        ("now",),
    ]


def test_a_code_that_activation_has_deleted_gives_no_access(fastmp: FastMP) -> None:
    one, kept, gone = fastmp.registers(person()), code(), code()
    fastmp.claims(one, kept)
    fastmp.applies(one, kept)
    fastmp.claims(one, gone, REDEEMED + DAY, "expiry")
    fastmp.applies(one, gone, REDEEMED + DAY, added_days=DAYS)
    fastmp.deletes_code(gone)
    fastmp.reconciled("CODE_DELETED")
    assert fastmp.access(one) == ("active", kept, END)


def test_a_code_whose_deletion_only_identity_knows_is_deleted(fastmp: FastMP) -> None:
    one, used, unused = fastmp.registers(person()), code(), code()
    fastmp.applies(one, used)
    fastmp.claims(one, used)
    fastmp.generates(unused)
    for gone in (used, unused):
        Activations(fastmp.transactions).clear(gone)
    fastmp.reconciled("CODE_CLEARED", "CODE_CLEARED")
    assert fastmp.stored(used) == fastmp.stored(unused) == ()


def test_a_code_that_a_deleted_account_had_redeemed_cannot_be_redeemed_again(fastmp: FastMP) -> None:
    one, used, unused = fastmp.registers(person()), code(), code()
    # Activation is from before the redemption, Identity from after the deletion.
    fastmp.generates(used)
    fastmp.generates(unused)
    fastmp.applies(one, used)
    fastmp.deletes(one)
    fastmp.reconciled("USED_BY_DELETED")
    assert fastmp.stored(used) == ()
    assert fastmp.stored(unused)[0] == "pending"
