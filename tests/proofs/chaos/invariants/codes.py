"""Codes: those that an admin was given exist until they are deleted."""

from collections.abc import Iterator

from tests.proofs.chaos.observation import Observation
from tests.proofs.chaos.record import Outcome, Record


def acknowledged_codes_are_there(observation: Observation, record: Record) -> Iterator[str]:
    """Generated codes are there, deleted ones are not, and there are no others."""
    stored = observation.by("codes", "activation_code")
    # They may have gone with an account that redeemed them.
    with_account = {
        code
        for account in record.accounts.values()
        if account.exists is not Outcome.YES
        for code in account.attempts
        if account.may_have(code)
    }
    for code, there in record.codes.items():
        if there is Outcome.YES and code not in stored and code not in with_account:
            yield "a code that was generated is gone"
        if there is Outcome.NO and code in stored:
            yield "a code that was deleted is still there"
    # Those of accounts that do not exist are another invariant's.
    accounts = observation.by("accounts", "id")
    for code in stored.values():
        orphaned = code.account_id is not None and code.account_id not in accounts
        if code.activation_code not in record.codes and not orphaned:
            yield "there is a code that was given to no admin"


def every_code_counted(observation: Observation, _record: Record) -> Iterator[str]:
    """The count that Activation keeps is the number of codes."""
    [counted] = observation.rows["code_count"]
    if counted.total != len(observation.rows["codes"]):
        yield f"{len(observation.rows['codes'])} codes are counted as {counted.total}"
