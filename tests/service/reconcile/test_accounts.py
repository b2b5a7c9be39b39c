"""Accounts that one database knows and another does not: deleted ones stay deleted, lost ones come back."""

import datetime

import pytest
from sqlalchemy import text, update

from services.chassis.audit.chain import has_right_mac
from services.chassis.clock import utc_now
from services.chassis.identity.principals import TokenRevokedError
from services.identity.accounts import password_links
from services.identity.sign_in.authentication import TokenAuthentication
from services.identity.sign_in.tokens import Tokens
from services.notifications.inbox.accounts import changed
from services.notifications.tables import account_days
from services.reconcile.__main__ import ACTOR, reconcile
from tests.service.reconcile.conftest import DAYS, END, KEYS, REDEEMED, FastMP, Person, code, person


def test_databases_of_one_moment_need_nothing(fastmp: FastMP) -> None:
    one, used, unused, left = fastmp.registers(person()), code(), code(), code()
    fastmp.claims(one, used)
    fastmp.applies(one, used)
    fastmp.generates(unused)
    fastmp.generates(left, "expiry")
    fastmp.scans(one)
    fastmp.reconciled()


def test_an_account_whose_deletion_only_another_service_knows_is_deleted(fastmp: FastMP) -> None:
    one, used = fastmp.registers(person()), code()
    fastmp.applies(one, used)
    fastmp.cascades(one)
    fastmp.reconciled("DELETED_ELSEWHERE")
    assert fastmp.access(one) == ()
    kinds = "SELECT kind FROM account_changes WHERE account_id = :id ORDER BY sequence"
    assert fastmp.rows("identity", kinds, id=one.id)[-1] == ("deleted",)
    actor = "SELECT actor FROM audit_log WHERE action = 'account_deleted'"
    assert fastmp.rows("identity", actor) == [(ACTOR,)]


def test_the_last_admin_is_not_deleted(fastmp: FastMP) -> None:
    [(admin_id, email)] = fastmp.rows("identity", "SELECT id, email FROM accounts")
    one = Person(admin_id, email)
    fastmp.cascades(one)
    before = fastmp.digest()
    for _ in range(2):
        report = reconcile(fastmp.settings, applies=True, ends_tokens=False)
        assert "LAST_ADMIN" in next(report.lines())
    assert fastmp.digest() == before


def test_what_a_deleted_account_had_is_deleted(fastmp: FastMP) -> None:
    one, used = fastmp.registers(person()), code()
    fastmp.claims(one, used)
    fastmp.scans(one)
    fastmp.deletes(one)
    fastmp.reconciled("ACCOUNT_DELETED")
    assert fastmp.stored(used) == ()
    assert fastmp.cookies() == []
    # Its session is still to be logged out at WeChat.
    assert len(fastmp.rows("wechat_cookie", "SELECT token FROM pending_logouts")) == 1


def test_a_lost_account_comes_back_with_what_it_redeemed_and_its_cookies(fastmp: FastMP) -> None:
    one, used = person(), code()
    fastmp.claims(one, used)
    fastmp.scans(one)
    fastmp.reconciled("ACCOUNT_LOST", "NOT_APPLIED")
    assert fastmp.access(one) == ("active", used, END)
    assert fastmp.rows("identity", "SELECT role, email FROM accounts WHERE id = :id", id=one.id) == [
        ("user", one.email)
    ]
    assert fastmp.cookies() == [(one.id,)]
    # Tokens of before do not work, nor does any password.
    [(after, password)] = fastmp.rows(
        "identity", "SELECT tokens_valid_after, password_hash FROM accounts WHERE id = :id", id=one.id
    )
    assert after >= utc_now().timestamp()
    assert password.startswith("$pbkdf2-sha256$")


def test_an_account_known_by_its_cookie_alone_comes_back(fastmp: FastMP) -> None:
    one = person()
    fastmp.scans(one)
    fastmp.reconciled("ACCOUNT_LOST")
    assert fastmp.access(one) == ("pending", None, None)


def test_a_lost_account_whose_address_is_taken_leaves_nothing_that_can_be_redeemed_again(
    fastmp: FastMP,
) -> None:
    lost, used = person(), code()
    other = fastmp.registers(Person(person().id, lost.email.upper()))
    fastmp.claims(lost, used)
    fastmp.scans(lost)
    fastmp.reconciled("EMAIL_TAKEN")
    assert fastmp.stored(used) == ("revoked", None, None, None, None, DAYS)
    assert fastmp.cookies() == []
    assert fastmp.access(other) == ("pending", None, None)


def test_without_an_admin_the_report_says_so(fastmp: FastMP) -> None:
    with fastmp.databases["identity"].transaction() as connection:
        connection.exec_driver_sql("UPDATE accounts SET role = 'user'")
    report = reconcile(fastmp.settings, applies=False, ends_tokens=False)
    assert "ensure-admin" in next(report.lines())


def test_a_follower_that_is_ahead_of_an_older_feed_follows_it_from_its_end(fastmp: FastMP) -> None:
    [(head,)] = fastmp.rows("identity", "SELECT sequence FROM account_feed")
    fastmp.follows("activation", head + 5)
    fastmp.follows("wechat_cookie", head)
    lost = person()
    fastmp.scans(lost)
    # Creating the account again makes a change, which both followers must still read.
    fastmp.reconciled("ACCOUNT_LOST", "AHEAD_OF_FEED")
    assert fastmp.rows("activation", "SELECT sequence FROM feed_cursor") == [(head,)]
    assert fastmp.rows("identity", "SELECT sequence FROM account_feed") == [(head + 1,)]


def test_notifications_asks_about_all_accounts_after_it_was_ahead_of_an_older_feed(fastmp: FastMP) -> None:
    [(head,)] = fastmp.rows("identity", "SELECT sequence FROM account_feed")
    fastmp.follows("notifications", head + 5)
    with fastmp.databases["notifications"].transaction() as connection:
        # As of a change that Identity no longer knows.
        changed(connection, [person().id], head + 5)
        connection.execute(update(account_days).values(known_sequence=head + 5))
    fastmp.reconciled("AHEAD_OF_FEED")
    assert fastmp.rows("notifications", "SELECT sequence FROM feed_cursor") == [(head,)]
    query = "SELECT known_sequence < changed_sequence FROM account_days"
    assert fastmp.rows("notifications", query) == [(True,)]


def test_no_token_of_before_works_even_one_that_the_database_never_knew(fastmp: FastMP) -> None:
    one = fastmp.registers(person())
    tokens = Tokens("x" * 32, datetime.timedelta(days=1))
    authentication = TokenAuthentication(
        fastmp.databases["identity"], tokens, requires_second_factor=False, now=utc_now
    )
    # Issued after the moment to which the database was restored, a little ahead of the clock, and revoked since.
    token = tokens.issue(one.id, int(utc_now().timestamp()) + 3, utc_now())
    assert authentication.authenticate(token)
    with fastmp.databases["identity"].transaction() as connection:
        end = utc_now() + datetime.timedelta(hours=1)
        password_links.put(connection, one.id, "ticket", one.id, utc_now(), end)

    reconcile(fastmp.settings, applies=True, ends_tokens=True)

    with pytest.raises(TokenRevokedError):
        authentication.authenticate(token)
    assert fastmp.rows("identity", "SELECT account_id FROM password_links") == []
    # The next sign-in works at once.
    [(valid_after,)] = fastmp.rows(
        "identity", "SELECT tokens_valid_after FROM accounts WHERE id = :id", id=one.id
    )
    assert authentication.authenticate(tokens.issue(one.id, valid_after + 1, utc_now()))


def test_audit_entries_are_genuine(fastmp: FastMP) -> None:
    one, used = person(), code()
    fastmp.claims(one, used, REDEEMED)
    fastmp.reconciled("ACCOUNT_LOST", "NOT_APPLIED")
    query = "SELECT * FROM audit_log WHERE actor = :actor"
    with fastmp.databases["identity"].reading() as connection:
        entries = connection.execute(text(query), {"actor": ACTOR}).mappings().all()
    assert {entry["action"] for entry in entries} == {"account_created", "activation_applied"}
    assert all(has_right_mac(KEYS["identity_audit_key"].encode(), entry) for entry in entries)
