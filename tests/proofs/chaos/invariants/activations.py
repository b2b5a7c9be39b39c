"""Codes that accounts have redeemed: one account each, and both sides say the same."""

import datetime
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.proofs.chaos.observation import Observation
from tests.proofs.chaos.record import Record, Told


def code_applied_once(observation: Observation, record: Record) -> Iterator[str]:
    """No two accounts carry one code, and no two callers were told that they have it."""
    carriers: defaultdict[str, set[str]] = defaultdict(set)
    for account in observation.rows["accounts"]:
        if account.activation_code is not None:
            carriers[account.activation_code].add(account.id)
    for known in record.accounts.values():
        for code, attempt in known.attempts.items():
            if attempt.outcome is Told.YES:
                carriers[code].add(known.id)
    for accounts in carriers.values():
        if len(accounts) > 1:
            yield f"one code was given to {len(accounts)} accounts: {sorted(accounts)}"


def code_and_account_agree(observation: Observation, _record: Record) -> Iterator[str]:
    """A redeemed code is carried by its account until the same time, or the account has redeemed a later one."""
    accounts, codes = observation.by("accounts", "id"), observation.by("codes", "activation_code")
    applied = observation.by("activations", "activation_code")
    for code in codes.values():
        account = accounts.get(code.account_id)
        if account is None:
            continue
        memory = applied.get(code.activation_code)
        if memory is None or memory.account_id != account.id or memory.cleared_at is not None:
            yield f"account {account.id} redeemed a code of which Identity knows otherwise"
        elif account.activation_code == code.activation_code:
            if account.activation_status != "active" or _stored(account.expired_time) != code.expiry_date:
                yield f"account {account.id} is {account.activation_status} with its code's days not its own"
        elif not _has_later(account, applied, memory):
            yield f"account {account.id} has lost what it redeemed"
    for account in accounts.values():
        code = codes.get(account.activation_code)
        if account.activation_code is not None and (code is None or code.account_id is None):
            yield f"account {account.id} carries a code that nobody redeemed"


def acknowledged_activations_are_there(observation: Observation, record: Record) -> Iterator[str]:
    """Whoever was told that a code is theirs is the one that Identity has given it to, until the time told."""
    applied = observation.by("activations", "activation_code")
    accounts = observation.by("accounts", "id")
    winners: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for known in record.accounts.values():
        if known.id not in accounts:
            # What Identity remembers of an account's codes goes with it; another invariant has the account.
            continue
        for code, attempt in known.attempts.items():
            if attempt.outcome is Told.YES:
                winners[code].append((known.id, attempt.expired_time))
    for code, told in winners.items():
        # Of several who were told so, another invariant speaks.
        if len(told) == 1:
            [(account_id, expired_time)] = told
            memory = applied.get(code)
            if memory is None or memory.account_id != account_id:
                yield f"account {account_id} was told that it has a code, and has not"
            elif memory.expired_time != datetime.datetime.fromisoformat(expired_time):
                yield f"account {account_id} was told another end of its days"


def _has_later(account: Any, applied: dict[str, Any], memory: Any) -> bool:
    carried = applied.get(account.activation_code)
    if carried is not None:
        return bool(carried.applied_at >= memory.applied_at)
    # A later code that was deleted again has taken its days with it.
    return any(
        other.account_id == account.id
        and other.cleared_at is not None
        and other.applied_at >= memory.applied_at
        for other in applied.values()
        if other.applied_at is not None
    )


def _stored(time: datetime.datetime | None) -> str | None:
    """A time as Activation stores it."""
    if time is None:
        return None
    return time.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
