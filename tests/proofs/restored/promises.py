"""What still must hold of the answers that callers got, after a restore to moments in the middle of them."""

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import TypeVar

from tests.proofs.chaos.record import AccountRecord, Attempt, Outcome, Record

KeyT = TypeVar("KeyT", bound=Hashable)


def snapshot(record: Record) -> Record:
    """A copy of a record that others are changing: all of it was answered before this returns."""
    while True:
        try:
            return record.copy()
        except RuntimeError:
            # A dictionary was changed while it was copied.
            continue


def still_certain(before: Record, after: Record) -> Record:
    """The record as of the earliest moment: what was the same `before` it and at the end is certain.

    Everything else happened around the moments to which the databases were restored, so it may be there or not.
    """
    accounts = {
        account_id: _account(before.accounts.get(account_id), account)
        for account_id, account in after.accounts.items()
    }
    codes = _outcomes(before.codes, after.codes)
    return Record(accounts, codes, list(before.acquisitions), list(after.sightings), list(after.deaths))


def _account(before: AccountRecord | None, after: AccountRecord) -> AccountRecord:
    if before is None:
        before = replace(after, exists=Outcome.MAYBE, attempts={}, cookies={}, logins=[])
    return replace(
        after,
        exists=_outcome(before.exists, after.exists),
        attempts={code: _attempt(before.attempts.get(code), one) for code, one in after.attempts.items()},
        cookies=_outcomes(before.cookies, after.cookies),
        # Others may end otherwise than their watchers saw.
        logins=before.logins,
    )


def _attempt(before: Attempt | None, after: Attempt) -> Attempt:
    # That a call was refused stays true.
    if after.outcome is Outcome.NO or (before is not None and before.outcome is after.outcome):
        return after
    return replace(after, outcome=Outcome.MAYBE)


def _outcomes(before: Mapping[KeyT, Outcome], after: Mapping[KeyT, Outcome]) -> dict[KeyT, Outcome]:
    return {key: _outcome(before.get(key, Outcome.MAYBE), outcome) for key, outcome in after.items()}


def _outcome(before: Outcome, after: Outcome) -> Outcome:
    return after if before is after else Outcome.MAYBE
