"""Accounts: those that were made exist, the deleted ones have left nothing, and refusals changed nothing."""

from collections.abc import Iterator

from tests.proofs.chaos.observation import Observation
from tests.proofs.chaos.record import Outcome, Record


def acknowledged_accounts_are_there(observation: Observation, record: Record) -> Iterator[str]:
    """Accounts that were made are there with their e-mail, deleted ones are not."""
    stored = observation.by("accounts", "id")
    for known in record.accounts.values():
        account = stored.get(known.id)
        if known.exists is Outcome.YES and (account is None or account.email != known.email):
            yield f"account {known.id} is not there as it was made"
        if known.exists is Outcome.NO and account is not None:
            yield f"account {known.id} was deleted and is there"


def refused_calls_change_nothing(observation: Observation, record: Record) -> Iterator[str]:
    """An account has only rights and codes that it can have been given."""
    for account in observation.rows["accounts"]:
        known = record.accounts.get(account.id)
        if known is None:
            continue
        if account.role != "user":
            yield f"account {account.id} has become {account.role}"
        if account.activation_code is not None and not known.may_have(account.activation_code):
            others = sum(other.may_have(account.activation_code) for other in record.accounts.values())
            # A code that was given to two accounts is checked by another invariant.
            if not others:
                yield f"account {account.id} carries a code that it was refused"
        if not any(known.may_have(code) for code in known.attempts) and account.expired_time is not None:
            yield f"account {account.id} has days that it was not given"


def nothing_of_deleted_accounts(observation: Observation, _record: Record) -> Iterator[str]:
    """Codes, cookies and running logins belong to accounts that exist."""
    accounts = observation.by("accounts", "id")
    for code in observation.rows["codes"]:
        if code.account_id is not None and code.account_id not in accounts:
            yield f"a code of account {code.account_id} is left"
    for cookie in observation.rows["cookies"]:
        if cookie.owner_id not in accounts:
            yield f"cookie {cookie.token} of account {cookie.owner_id} is left"
    for login in observation.rows["logins"]:
        if login.ended_at is None and login.owner_id not in accounts:
            yield f"login {login.id[:8]} of account {login.owner_id} still runs"
