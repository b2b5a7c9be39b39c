"""The invariants: each compares what is stored with the answers that callers got, and names every violation.

A module holds those of one subject. Each violation belongs to one invariant only: the report says what broke.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from tests.proofs.chaos.invariants import accounts, activations, codes, cookies, feed, leftovers, logins
from tests.proofs.chaos.observation import Observation
from tests.proofs.chaos.record import Record

Invariant = Callable[[Observation, Record], Iterable[str]]

INVARIANTS: Mapping[str, Invariant] = {
    "code-applied-once": activations.code_applied_once,
    "code-and-account-agree": activations.code_and_account_agree,
    "last-redeemed-code-wins": activations.last_redeemed_code_wins,
    "redeemed-in-the-order-of-calls": activations.redeemed_in_the_order_of_calls,
    "acknowledged-activations-are-there": activations.acknowledged_activations_are_there,
    "acknowledged-codes-are-there": codes.acknowledged_codes_are_there,
    "every-code-counted": codes.every_code_counted,
    "acknowledged-accounts-are-there": accounts.acknowledged_accounts_are_there,
    "refused-calls-change-nothing": accounts.refused_calls_change_nothing,
    "nothing-of-deleted-accounts": accounts.nothing_of_deleted_accounts,
    "feed-gap-free": feed.feed_gap_free,
    "feed-has-every-account": feed.feed_has_every_account,
    "subscribers-at-the-head": feed.subscribers_at_the_head,
    "logins-end-once": logins.logins_end_once,
    "login-events-gap-free": logins.login_events_gap_free,
    "watchers-saw-no-gap": logins.watchers_saw_no_gap,
    "acknowledged-cookies-are-there": cookies.acknowledged_cookies_are_there,
    "one-current-cookie": cookies.one_current_cookie,
    "folders-match-cookies": cookies.folders_match_cookies,
    "acknowledged-hand-outs-are-recorded": cookies.acknowledged_hand_outs_are_recorded,
    "no-job-left": leftovers.no_job_left,
    "no-transaction-left-open": leftovers.no_transaction_left_open,
    "no-process-died-by-itself": leftovers.no_process_died_by_itself,
    "callers-see-what-they-did": leftovers.callers_see_what_they_did,
}


@dataclass(frozen=True)
class Violation:
    """One thing that should not be."""

    invariant: str
    what: str


def violations(observation: Observation, record: Record) -> list[Violation]:
    """Every violation of every invariant."""
    return [
        Violation(name, what)
        for name, invariant in INVARIANTS.items()
        for what in invariant(observation, record)
    ]
