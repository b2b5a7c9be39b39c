"""A deliberate fault for each invariant, to show that the checker sees it.

The databases' faults are made in transactions that are never committed, those of the record on a copy, so nothing
of them is left and no production code knows of them.
"""

import contextlib
import copy
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import LiteralString

import psycopg

from deploy.local.stack import LocalStack
from tests.proofs.chaos.invariants import Violation, violations
from tests.proofs.chaos.observation import Databases, observe, open_databases
from tests.proofs.chaos.record import Outcome, Record

Break = Callable[[Databases, Record], None]


class NothingToBreakError(Exception):
    """The run left nothing that this fault could spoil."""


def broken(stack: LocalStack, record: Record, name: str) -> list[Violation]:
    """What the checker finds with the fault of the invariant `name`. Raises NothingToBreakError."""
    spoilt = record.copy()
    with open_databases(stack) as databases, _idle_session(stack, name):
        if name in BREAKS:
            BREAKS[name](databases, spoilt)
        return violations(observe(databases, stack.static_directory), spoilt)


@contextlib.contextmanager
def _idle_session(stack: LocalStack, name: str) -> Iterator[None]:
    """A session left in an open transaction, for the invariant about those."""
    if name != "no-transaction-left-open":
        yield
        return
    url = stack.database_url("activation")
    with psycopg.connect(url, application_name="fastmp-activation") as forgotten:
        forgotten.execute("SELECT pg_sleep(2.1)")
        yield


def _sql(service: str, *statements: LiteralString) -> Break:
    """Statements on one database, of which the last must change one row."""

    def apply(databases: Databases, _record: Record) -> None:
        for statement in statements:
            cursor = databases[service].execute(statement)
        if cursor.rowcount != 1:
            raise NothingToBreakError

    return apply


def _two_winners(_databases: Databases, record: Record) -> None:
    for account in record.accounts.values():
        for code, attempt in account.attempts.items():
            if attempt.outcome is Outcome.YES:
                other = next(one for one in record.accounts.values() if one is not account)
                other.attempts[code] = copy.copy(attempt)
                return
    raise NothingToBreakError


def _other_order(_databases: Databases, record: Record) -> None:
    for account in record.accounts.values():
        if account.exists is not Outcome.YES:
            continue
        acknowledged = [code for code, attempt in account.attempts.items() if attempt.outcome is Outcome.YES]
        for earlier, later in itertools.pairwise(acknowledged):
            first, second = account.attempts[earlier], account.attempts[later]
            if first.ended < second.began:
                account.attempts[earlier], account.attempts[later] = (
                    replace(first, began=second.began, ended=second.ended),
                    replace(second, began=first.began, ended=first.ended),
                )
                return
    raise NothingToBreakError


def _missed_event(_databases: Databases, record: Record) -> None:
    for account in record.accounts.values():
        for login in account.logins:
            if len(login.events) > 3:
                del login.events[1]
                return
    raise NothingToBreakError


def _death(_databases: Databases, record: Record) -> None:
    record.deaths.append("identity has ended (SIGSEGV)")


def _sighting(_databases: Databases, record: Record) -> None:
    record.saw("a person was shown what they had deleted")


def _account_gone(databases: Databases, record: Record) -> None:
    for account in record.accounts.values():
        if account.exists is Outcome.YES and not account.attempts and not account.logins:
            databases["identity"].execute("DELETE FROM accounts WHERE id = %s", (account.id,))
            return
    raise NothingToBreakError


def _another_owner(databases: Databases, record: Record) -> None:
    """Gives a known cookie to an account without cookies; each of the two then has one current cookie, or none."""
    database = databases["wechat_cookie"]
    rows = database.execute("SELECT token, owner_id::text FROM cookies").fetchall()
    owners = {row.owner_id for row in rows}
    without = [one for one in record.accounts.values() if one.exists is Outcome.YES and one.id not in owners]
    for row in rows:
        known = record.accounts.get(row.owner_id)
        if known is not None and row.token in known.known_cookies and without:
            moved = "UPDATE cookies SET owner_id = %s, is_current = true WHERE token = %s"
            database.execute(moved, (without[0].id, row.token))
            made_current = """UPDATE cookies SET is_current = true WHERE id = (
                SELECT id FROM cookies WHERE owner_id = %(owner)s
                    AND NOT EXISTS (SELECT FROM cookies WHERE owner_id = %(owner)s AND is_current) LIMIT 1)"""
            database.execute(made_current, {"owner": row.owner_id})
            return
    raise NothingToBreakError


def _hand_out_gone(databases: Databases, record: Record) -> None:
    if not record.acquisitions:
        raise NothingToBreakError
    gone = record.acquisitions[0].id
    databases["wechat_cookie"].execute("DELETE FROM acquisitions WHERE id = %s", (gone,))


BREAKS: Mapping[str, Break] = {
    "code-applied-once": _two_winners,
    "code-and-account-agree": _sql(
        "identity",
        """UPDATE accounts SET expired_time = expired_time + interval '1 day'
        WHERE id = (SELECT id FROM accounts WHERE activation_code IS NOT NULL LIMIT 1)""",
    ),
    "last-redeemed-code-wins": _sql(
        "identity",
        """UPDATE accounts SET activation_code = earlier.activation_code, expired_time = earlier.expired_time
        FROM account_activations AS earlier
        WHERE earlier.account_id = accounts.id AND earlier.cleared_at IS NULL
            AND earlier.activation_code = (
                SELECT one.activation_code FROM account_activations AS one
                JOIN accounts AS of ON of.id = one.account_id AND of.activation_code <> one.activation_code
                WHERE one.cleared_at IS NULL LIMIT 1)""",
    ),
    "redeemed-in-the-order-of-calls": _other_order,
    "acknowledged-activations-are-there": _sql(
        "identity",
        """UPDATE account_activations SET expired_time = expired_time + interval '1 day'
        WHERE activation_code = (SELECT activation_code FROM accounts WHERE activation_code IS NOT NULL LIMIT 1)""",
    ),
    "acknowledged-codes-are-there": _sql(
        "activation",
        """DELETE FROM activation_codes
        WHERE id = (SELECT id FROM activation_codes WHERE account_id IS NULL LIMIT 1)""",
    ),
    "every-code-counted": _sql("activation", "INSERT INTO code_count_deltas (delta) VALUES (1)"),
    "acknowledged-accounts-are-there": _account_gone,
    "refused-calls-change-nothing": _sql(
        "identity",
        "UPDATE accounts SET role = 'admin' WHERE id = (SELECT id FROM accounts WHERE role = 'user' LIMIT 1)",
    ),
    "nothing-of-deleted-accounts": _sql(
        "activation",
        """INSERT INTO activation_codes (id, activation_code, user_email, account_id, activation_status,
            valid_days, expiry_date, activation_time, create_time, update_time)
        SELECT gen_random_uuid(), repeat('f', 32), 'gone@example.com', gen_random_uuid(), 'active', 1, t, t, t, t
        FROM (VALUES ('2040-01-01T00:00:00.000000Z')) AS times(t)""",
    ),
    "feed-gap-free": _sql(
        "identity",
        """DELETE FROM account_changes WHERE sequence = (
            SELECT max(sequence) FROM account_changes WHERE kind = 'changed' AND account_id = (
                SELECT account_id FROM account_changes WHERE kind = 'changed'
                GROUP BY account_id HAVING count(*) > 1 LIMIT 1))""",
    ),
    "feed-has-every-account": _sql(
        "identity",
        """UPDATE account_changes SET kind = 'deleted'
        WHERE sequence = (SELECT max(sequence) FROM account_changes WHERE kind = 'changed'
            AND account_id IN (SELECT id FROM accounts))""",
    ),
    "subscribers-at-the-head": _sql("activation", "UPDATE feed_cursor SET sequence = sequence - 1"),
    "logins-end-once": _sql(
        "wechat_cookie",
        "DROP INDEX login_events_one_end_key",
        """INSERT INTO login_events (login_id, sequence, time, kind, message)
        SELECT login_id, sequence + 1, time, kind, message FROM login_events
        WHERE kind = 'success' LIMIT 1""",
        """UPDATE logins SET last_sequence = last_sequence + 1
        WHERE id = (SELECT login_id FROM login_events WHERE kind = 'success' GROUP BY 1 HAVING count(*) > 1)""",
    ),
    "login-events-gap-free": _sql(
        "wechat_cookie",
        """DELETE FROM login_events WHERE (login_id, sequence) = (
            SELECT login_id, sequence FROM login_events WHERE kind = 'qr_code' LIMIT 1)""",
    ),
    "watchers-saw-no-gap": _missed_event,
    "acknowledged-cookies-are-there": _another_owner,
    "one-current-cookie": _sql(
        "wechat_cookie",
        "UPDATE cookies SET is_current = false WHERE id = (SELECT id FROM cookies WHERE is_current LIMIT 1)",
    ),
    "folders-match-cookies": _sql(
        "wechat_cookie",
        """INSERT INTO cookies
            (id, token, owner_id, owner_email, created_time, expire_time, is_current, jar, revision)
        SELECT gen_random_uuid(), '1', owner_id, owner_email, created_time, expire_time, false, jar, revision
        FROM cookies LIMIT 1""",
    ),
    "acknowledged-hand-outs-are-recorded": _hand_out_gone,
    "no-job-left": _sql(
        "activation",
        """INSERT INTO procrastinate_jobs (queue_name, task_name, status)
        VALUES ('default', 'fastmp:apply_activation', 'failed')""",
    ),
    "no-process-died-by-itself": _death,
    "callers-see-what-they-did": _sighting,
}
