"""What callers did and how they were answered: the model that databases and folders are compared with."""

import copy
import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from enum import StrEnum

from tests.support.gateway_calls import Answer
from tests.support.login_watchers import WatchedLogin


class Outcome(StrEnum):
    """What a caller knows after a call: it happened, it did not, or that is unknown."""

    YES = "acknowledged"
    NO = "refused"
    MAYBE = "unknown"


def outcome_of(answer: Answer) -> Outcome:
    """What an answer says about the call. Only a refusal is certain that nothing has happened."""
    if answer.ok:
        return Outcome.YES
    return Outcome.NO if answer.is_refusal else Outcome.MAYBE


@dataclass(frozen=True)
class Attempt:
    """An account's calls to redeem one code, summed up.

    `expired_time` is RFC 3339, of an acknowledged one. `began` is when the first call began, `ended` when the first
    acknowledgement came, in time.monotonic(): the code was redeemed between the two.
    """

    outcome: Outcome
    expired_time: str
    began: float
    ended: float


@dataclass
class AccountRecord:
    """An account and what its owner did. `exists` is what the owner knows of that."""

    id: str
    email: str
    token: str = field(repr=False)
    exists: Outcome = Outcome.YES
    attempts: dict[str, Attempt] = field(default_factory=dict)
    # By the cookie's token: whether it is there.
    cookies: dict[str, Outcome] = field(default_factory=dict)
    # The official accounts' names by the cookie's token, where WeChat gave them.
    names: dict[str, str] = field(default_factory=dict)
    logins: list[WatchedLogin] = field(default_factory=list)

    def attempted(self, code: str, new: Attempt) -> None:
        """Adds a call. What was acknowledged once stays so; after an unknown outcome a refusal proves nothing."""
        before = self.attempts.get(code)
        if before is None:
            self.attempts[code] = new
            return
        began = min(before.began, new.began)
        if new.outcome is Outcome.YES and before.outcome is Outcome.YES:
            new = replace(before, ended=min(before.ended, new.ended))
        elif before.outcome is Outcome.YES or (before.outcome, new.outcome) == (Outcome.MAYBE, Outcome.NO):
            new = before
        self.attempts[code] = replace(new, began=began)

    def may_have(self, code: str) -> bool:
        """Whether the account may have redeemed the code."""
        attempt = self.attempts.get(code)
        return attempt is not None and attempt.outcome is not Outcome.NO

    @property
    def known_cookies(self) -> list[str]:
        """The tokens of cookies that are certainly there."""
        return [token for token, there in self.cookies.items() if there is Outcome.YES]


@dataclass(frozen=True)
class Acquisition:
    """A hand-out that an internal program was given."""

    id: str
    token: str
    owner_id: str


@dataclass
class Record:
    """Everything that happened. Each account is one member's; what several use is behind a lock."""

    accounts: dict[str, AccountRecord] = field(default_factory=dict)
    # By code: whether it is there.
    codes: dict[str, Outcome] = field(default_factory=dict)
    acquisitions: list[Acquisition] = field(default_factory=list)
    # Wrong answers that callers noticed during the run.
    sightings: list[str] = field(default_factory=list)
    # Processes that ended although nothing ended them.
    deaths: list[str] = field(default_factory=list)
    calls: Counter[tuple[str, Outcome]] = field(default_factory=Counter)
    # The gRPC codes of failed calls that internal programs made.
    grpc_codes: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def copy(self) -> "Record":
        """A copy, for callers that change it."""
        return Record(
            copy.deepcopy(self.accounts),
            dict(self.codes),
            list(self.acquisitions),
            list(self.sightings),
            list(self.deaths),
            Counter(self.calls),
            grpc_codes=Counter(self.grpc_codes),
        )

    def count(self, call: str, outcome: Outcome) -> Outcome:
        """Counts a call; gives the outcome back."""
        with self._lock:
            self.calls[call, outcome] += 1
        return outcome

    def count_code(self, code: str) -> None:
        """Counts the gRPC code of a failed call."""
        with self._lock:
            self.grpc_codes[code] += 1

    def add_account(self, account: AccountRecord) -> AccountRecord:
        """A new account; gives it back."""
        with self._lock:
            self.accounts[account.id] = account
        return account

    def add_codes(self, codes: list[str]) -> None:
        """New codes that were acknowledged."""
        with self._lock:
            self.codes.update(dict.fromkeys(codes, Outcome.YES))

    def delete_code(self, code: str, outcome: Outcome) -> None:
        """A code was deleted, or may have been; a refusal changes nothing."""
        with self._lock:
            if outcome is not Outcome.NO and self.codes.get(code) is not Outcome.NO:
                self.codes[code] = Outcome.NO if outcome is Outcome.YES else Outcome.MAYBE

    def add_acquisition(self, acquisition: Acquisition) -> None:
        """A hand-out that was acknowledged."""
        with self._lock:
            self.acquisitions.append(acquisition)

    def saw(self, sighting: str) -> None:
        """Something that should not have been."""
        with self._lock:
            self.sightings.append(sighting)

    def owners(self) -> list[AccountRecord]:
        """The accounts that have cookies now."""
        with self._lock:
            return [one for one in self.accounts.values() if one.exists is Outcome.YES and one.known_cookies]
