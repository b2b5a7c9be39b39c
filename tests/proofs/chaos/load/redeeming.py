"""Redemptions by a member: several codes in a row or together, repeated, and deleted while they are applied."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

from tests.proofs.chaos.load.supplying import CodeSupply
from tests.proofs.chaos.record import AccountRecord, Attempt, Outcome, Record, outcome_of
from tests.support.gateway_calls import GatewayCaller

CONCURRENT_CALLS = 6
DELETION_SECONDS = (0.0, 0.05)


class Redeeming:
    """Redeems codes for the account of one member, on connections of its own, and deletes codes as an admin."""

    def __init__(
        self,
        record: Record,
        gateway_url: str,
        admin_token: str,
        supply: CodeSupply,
        chance: random.Random,
    ) -> None:
        self._record = record
        self._gateway_url = gateway_url
        self._supply = supply
        self._chance = chance
        self._admin = GatewayCaller(gateway_url, admin_token)

    def close(self) -> None:
        """Closes the admin's connection."""
        self._admin.close()

    def one(self, account: AccountRecord, code: str) -> None:
        """Redeems one code."""
        self._remember(account, code, self._call(account, code))

    def in_a_row(self, account: AccountRecord, codes: list[str]) -> None:
        """Redeems codes one after another, and then repeats some of the calls."""
        for code in codes:
            self.one(account, code)
        for code in self._chance.sample(codes, len(codes) // 2):
            self.one(account, code)

    def together(self, account: AccountRecord, codes: list[str]) -> None:
        """Redeems codes at the same time, each by two calls."""
        repeated = [code for code in codes for _ in range(2)]
        self._chance.shuffle(repeated)
        with ThreadPoolExecutor(CONCURRENT_CALLS, thread_name_prefix="redeeming") as pool:
            calls = [(code, pool.submit(self._call, account, code)) for code in repeated]
        for code, call in calls:
            self._remember(account, code, call.result())

    def deleted_meanwhile(self, account: AccountRecord, earlier: str, later: str) -> None:
        """Redeems two codes, and deletes the earlier one while its call is under way."""
        with ThreadPoolExecutor(1, thread_name_prefix="redeeming") as pool:
            call = pool.submit(self._call, account, earlier)
            time.sleep(self._chance.uniform(*DELETION_SECONDS))
            self.delete(earlier)
        self._remember(account, earlier, call.result())
        self.one(account, later)

    def deleted_afterwards(self, account: AccountRecord, earlier: str, later: str) -> None:
        """Redeems two codes, deletes the earlier one, and repeats its redemption."""
        for code in (earlier, later):
            self.one(account, code)
        self.delete(earlier)
        self.one(account, earlier)

    def any_order(self, account: AccountRecord, codes: list[str]) -> None:
        """Redeems the codes, at least two, in one of the ways above."""
        earlier, *others = codes
        way = self._chance.choice(("row", "together", "meanwhile", "afterwards"))
        if way == "row":
            self.in_a_row(account, codes)
        elif way == "together":
            self.together(account, codes)
        elif way == "meanwhile":
            self.deleted_meanwhile(account, earlier, others[0])
        else:
            self.deleted_afterwards(account, earlier, others[0])

    def delete(self, code: str) -> None:
        """An admin deletes a code."""
        self._supply.forget(code)
        outcome = self._record.count(
            "delete code", outcome_of(self._admin.delete(f"/admin/activation/{code}"))
        )
        self._record.delete_code(code, outcome)

    def _call(self, account: AccountRecord, code: str) -> Attempt:
        began = time.monotonic()
        with GatewayCaller(self._gateway_url, account.token) as caller:
            answer = caller.post("/activation/activate", activation_code=code)
        outcome = self._record.count("activate", outcome_of(answer))
        expired_time = str(answer.body["expired_time"]) if answer.ok else ""
        return Attempt(outcome, expired_time, began, time.monotonic())

    def _remember(self, account: AccountRecord, code: str, attempt: Attempt) -> None:
        before = account.attempts.get(code)
        account.attempted(code, attempt)
        if before is None or before.outcome is not Outcome.YES or attempt.outcome is not Outcome.YES:
            return
        if before.expired_time != attempt.expired_time:
            self._record.saw(f"the repeat of an activation of {account.id} gave another answer")
