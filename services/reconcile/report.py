"""The report of services.reconcile: each inconsistency that was found, and what is done about it."""

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

# What is done, by the kind of the inconsistency. docs/operations/backup.md describes them.
DONE: Mapping[str, str] = {
    "DELETED_ELSEWHERE": "another service knows its deletion: deleted",
    "LAST_ADMIN": "another service knows its deletion, but it is the last admin: kept",
    "ACCOUNT_LOST": "Identity does not know it: created again, without a password",
    "EMAIL_TAKEN": "Identity does not know it, and another account has its e-mail: codes revoked, cookies deleted",
    "ACCOUNT_DELETED": "Identity has deleted it: codes and cookies deleted",
    "NOT_APPLIED": "Activation has it as redeemed: applied at Identity",
    "NOT_APPLIED_REVOKED": "Activation has it as redeemed, but the account is revoked: used up without access",
    "NOT_REDEEMED": "Identity has applied it: marked as redeemed",
    "OTHER_REDEMPTION": "Identity has applied it to another account or at another time: corrected",
    "CODE_LOST": "only Identity knows it: created as redeemed",
    "CODE_CLEARED": "it was deleted, as Identity knows: deleted",
    "CODE_DELETED": "it was deleted, as Activation knows: its access is taken back",
    "USED_BY_DELETED": "an account that was deleted had redeemed it: deleted",
    "AHEAD_OF_FEED": "it has followed Identity's feed further than the feed goes: follows it from its end",
    "NO_ADMIN": "create one: python -m services.identity ensure-admin",
}


@dataclass
class Report:
    """Collects the inconsistencies in the order in which they are found."""

    _lines: list[str] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)

    def found(self, what: str, of: uuid.UUID | str, kind: str) -> None:
        """Adds one of a kind in DONE. `of` is an id, never a code, which is a secret."""
        self._counts[kind] += 1
        self._lines.append(f"{what} {of}: {kind}: {DONE[kind]}".replace("  ", " "))

    @property
    def total(self) -> int:
        """The number of inconsistencies."""
        return self._counts.total()

    def lines(self) -> Iterator[str]:
        """Yields a line for each, then the numbers by kind."""
        yield from self._lines
        numbers = ", ".join(f"{count} {kind}" for kind, count in sorted(self._counts.items()))
        yield f"inconsistencies: {self.total}" + (f" ({numbers})" if numbers else "")
