"""Codes that accounts have redeemed: one account each, and both sides say the same."""

import datetime
import itertools
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.proofs.chaos.observation import Observation
from tests.proofs.chaos.record import Outcome, Record


def code_applied_once(observation: Observation, record: Record) -> Iterator[str]:
    """No code was redeemed twice, no two accounts carry it, and no two callers got it acknowledged."""
    for claim in observation.rows["claims"]:
        if claim.held > 1:
            yield f"code {claim.code_id} was redeemed {claim.held} times"
    carriers: defaultdict[str, set[str]] = defaultdict(set)
    for account in observation.rows["accounts"]:
        if account.activation_code is not None:
            carriers[account.activation_code].add(account.id)
    for known in record.accounts.values():
        for code, attempt in known.attempts.items():
            if attempt.outcome is Outcome.YES:
                carriers[code].add(known.id)
    for accounts in carriers.values():
        if len(accounts) > 1:
            yield f"one code was given to {len(accounts)} accounts: {sorted(accounts)}"


def code_and_account_agree(observation: Observation, _record: Record) -> Iterator[str]:
    """Both services know of each redeemed code, and an account has access until its code's expiry."""
    accounts, codes = observation.by("accounts", "id"), observation.by("codes", "activation_code")
    applied = observation.by("activations", "activation_code")
    for code in codes.values():
        account = accounts.get(code.account_id)
        if account is None:
            continue
        memory = applied.get(code.activation_code)
        if memory is None or memory.account_id != account.id or memory.cleared_at is not None:
            yield f"account {account.id} redeemed a code of which Identity knows otherwise"
        elif account.activation_code == code.activation_code and (
            account.activation_status != "active" or _stored(account.expired_time) != code.expiry_date
        ):
            yield f"account {account.id} is {account.activation_status} and has not its code's expiry"
    for account in accounts.values():
        code = codes.get(account.activation_code)
        if account.activation_code is not None and (code is None or code.account_id is None):
            yield f"account {account.id} carries a code that is not redeemed"


def last_redeemed_code_wins(observation: Observation, _record: Record) -> Iterator[str]:
    """An account carries the code that it redeemed last, in whatever order the codes were applied and deleted.

    Where that code was deleted, the account carries none. One that was deleted before it was applied never counted.
    """
    redeemed: defaultdict[str, list[Any]] = defaultdict(list)
    for memory in observation.rows["activations"]:
        if memory.account_id is not None:
            redeemed[memory.account_id].append(memory)
    for account in observation.rows["accounts"]:
        if not redeemed[account.id]:
            continue
        last = max(redeemed[account.id], key=lambda memory: memory.redeemed_at)
        expected = last.activation_code if last.cleared_at is None else None
        if account.activation_code == expected:
            continue
        if account.activation_code is not None:
            yield f"account {account.id} carries a code that it redeemed before its last one"
        elif any(memory.cleared_at is not None for memory in redeemed[account.id]):
            yield f"account {account.id} lost its last code when an earlier one was deleted"
        else:
            yield f"account {account.id} has lost what it redeemed"


def redeemed_in_the_order_of_calls(observation: Observation, record: Record) -> Iterator[str]:
    """A code whose acknowledgement came before the first call for another began is the one redeemed earlier."""
    times = {memory.activation_code: memory.redeemed_at for memory in observation.rows["activations"]}
    stored = observation.by("codes", "activation_code")
    for known in record.accounts.values():
        acknowledged = {
            code: attempt
            for code, attempt in known.attempts.items()
            if attempt.outcome is Outcome.YES and code in times
        }
        for earlier, later in itertools.permutations(acknowledged, 2):
            is_later = acknowledged[earlier].ended < acknowledged[later].began
            if is_later and times[earlier] >= times[later]:
                yield f"account {known.id} redeemed two codes in another order than Identity remembers"
        for code in acknowledged:
            if code in stored and stored[code].activation_time != _stored(times[code]):
                yield f"the services do not agree on when account {known.id} redeemed a code"


def acknowledged_activations_are_there(observation: Observation, record: Record) -> Iterator[str]:
    """A caller whose redemption succeeded has the code at Identity, until the time in the answer."""
    applied = observation.by("activations", "activation_code")
    accounts = observation.by("accounts", "id")
    winners: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for known in record.accounts.values():
        if known.id not in accounts:
            # What Identity remembers of an account's codes goes with it; another invariant has the account.
            continue
        for code, attempt in known.attempts.items():
            if attempt.outcome is Outcome.YES:
                winners[code].append((known.id, attempt.expired_time))
    for code, answers in winners.items():
        # Several winners of a code are checked by another invariant.
        if len(answers) == 1:
            [(account_id, expired_time)] = answers
            memory = applied.get(code)
            if memory is None or memory.account_id != account_id:
                yield f"account {account_id} got a code acknowledged that it does not have"
            elif memory.expired_time != datetime.datetime.fromisoformat(expired_time):
                yield f"account {account_id} was answered another expiry"


def _stored(time: datetime.datetime | None) -> str | None:
    """A time as Activation stores it."""
    if time is None:
        return None
    return time.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
