"""A member: one person who comes, redeems codes, logs official accounts in, chooses, deletes, and leaves."""

import random
import time
from collections.abc import Callable

from services.chassis.errors import DatabaseUnavailableError
from tests.proofs.chaos.load.logging_in import LoggingIn, Plan
from tests.proofs.chaos.load.redeeming import Redeeming
from tests.proofs.chaos.load.supplying import CodeSupply
from tests.proofs.chaos.record import AccountRecord, Outcome, Record, outcome_of
from tests.support.gateway_calls import GatewayCaller
from tests.support.ready_accounts import ReadyAccounts

REGISTERING = 0.1
SEVERAL = 3
# Within this time all replicas of all services know that a token was ended.
REVOCATION_SECONDS = 1.0


class Member:
    """Runs on one thread, the only one that changes the member's account. Redeems codes that others try, too."""

    def __init__(
        self,
        record: Record,
        gateway_url: str,
        accounts: ReadyAccounts,
        admin_token: str,
        supply: CodeSupply,
        logging_in: LoggingIn,
        chance: random.Random,
        password: str,
    ) -> None:
        self._record = record
        self._gateway_url = gateway_url
        self._accounts = accounts
        self._supply = supply
        self._logging_in = logging_in
        self._chance = chance
        self._password = password
        self._admin = GatewayCaller(gateway_url, admin_token)
        self._redeeming = Redeeming(record, gateway_url, admin_token, supply, chance)
        self._account: AccountRecord | None = None
        self._caller = GatewayCaller(gateway_url)
        self._acts: list[tuple[Callable[[AccountRecord], None], int]] = [
            (self.redeem, 12),
            (self.redeem_several, 16),
            (self.log_in, 30),
            (self.look, 20),
            (self.change_cookie, 8),
            (self.delete_cookie, 6),
            (self.sign_in_again, 4),
            (self.delete_code, 4),
            (self.leave, 4),
        ]

    def step(self) -> None:
        """Does one thing, whatever comes to mind."""
        if self._account is None:
            self.arrive()
            return
        acts, weights = zip(*self._acts, strict=True)
        self._chance.choices(acts, weights)[0](self._account)

    def whole_life(self) -> None:
        """Does each thing once, in the order of a life."""
        # The first account stays as it was made.
        for _ in range(2):
            self.arrive(register=False)
        account = self._account
        if account is None:
            raise LookupError("no account could be made")
        self.redeem_fresh(account)
        earlier, later = self._supply.wait_for_fresh(2)
        self._redeeming.deleted_meanwhile(account, earlier, later)
        earlier, later = self._supply.wait_for_fresh(2)
        self._redeeming.deleted_afterwards(account, earlier, later)
        self._redeeming.together(account, self._supply.wait_for_fresh(2))
        self._redeeming.in_a_row(account, self._supply.wait_for_fresh(2))
        first, *others = Plan
        self.log_in(account, first)
        self.look(account)
        # Before the other logins, so that a cookie is left in the end.
        self.delete_cookie(account)
        for plan in others:
            self.log_in(account, plan)
        self.change_cookie(account)
        self.sign_in_again(account)
        # The next one is deleted with all that it has.
        self.arrive(register=True)
        short_lived = self._account or account
        self.redeem_fresh(short_lived)
        self.log_in(short_lived, Plan.CONFIRM)
        self.leave(short_lived)

    def close(self) -> None:
        """Closes the connections."""
        self._caller.close()
        self._admin.close()
        self._redeeming.close()

    def arrive(self, *, register: bool | None = None) -> None:
        """Has an account from here on: one that registers itself, or one made in the database."""
        registering = self._chance.random() < REGISTERING if register is None else register
        account = self._register() if registering else self._made()
        if account is not None:
            self._be(account)

    def redeem(self, account: AccountRecord) -> None:
        """Redeems a code; sometimes one that another member redeems, too."""
        code = self._supply.take(self._chance)
        if code is not None:
            self._redeeming.one(account, code)

    def redeem_fresh(self, account: AccountRecord) -> None:
        """Redeems an unused code as soon as there is one."""
        [code] = self._supply.wait_for_fresh(1)
        self._redeeming.one(account, code)

    def redeem_several(self, account: AccountRecord) -> None:
        """Redeems several codes in a row, together, or with a deletion between."""
        codes = [code for _ in range(SEVERAL) if (code := self._supply.take_fresh()) is not None]
        if len(codes) == SEVERAL:
            self._redeeming.any_order(account, codes)

    def log_in(self, account: AccountRecord, plan: Plan | None = None) -> None:
        """Logs an official account in, if the account is active."""
        if not any(account.may_have(code) for code in account.attempts):
            return
        chosen = plan or self._chance.choices(list(Plan), (60, 12, 10, 8, 10))[0]
        self._logging_in.run(account, self._caller, self._chance, chosen)

    def look(self, account: AccountRecord) -> None:
        """Checks that the owner is shown what earlier answers said."""
        me = self._caller.get("/auth/me")
        self._record.count("look", outcome_of(me))
        if me.reason.startswith("TOKEN_"):
            self._record.saw(f"a token of {account.id} that should work was refused: {me}")
        if me.ok and me.body.get("email") != account.email:
            self._record.saw(f"account {account.id} is shown as another one")
        listed = self._caller.get("/cookie/list")
        if not listed.ok:
            return
        shown = [cookie["token"] for cookie in listed.body.get("items", [])]
        for token, there in account.cookies.items():
            if (token in shown, there) in {(False, Outcome.YES), (True, Outcome.NO)}:
                self._record.saw(f"cookie {token} of {account.id} should be {there}, shown: {token in shown}")
        current = [cookie for cookie in listed.body.get("items", []) if cookie.get("is_current")]
        if len(current) != min(1, len(shown)):
            self._record.saw(f"account {account.id} is shown {len(current)} current cookies")

    def change_cookie(self, account: AccountRecord) -> None:
        """Makes one of the cookies the current one."""
        if not account.known_cookies:
            return
        token = self._chance.choice(account.known_cookies)
        answer = self._caller.post("/cookie/change", token=token)
        outcome = self._record.count("change cookie", outcome_of(answer))
        if answer.reason == "COOKIE_NOT_FOUND":
            self._record.saw(f"cookie {token} of {account.id} was not found to be changed to")
        if outcome is Outcome.YES and not answer.body.get("is_current"):
            self._record.saw(f"cookie {token} is not current after the change")

    def delete_cookie(self, account: AccountRecord) -> None:
        """Deletes one of the cookies."""
        if not account.known_cookies:
            return
        token = self._chance.choice(account.known_cookies)
        answer = self._caller.post("/cookie/delete", token=token)
        outcome = self._record.count("delete cookie", outcome_of(answer))
        if outcome is Outcome.NO and answer.reason == "COOKIE_NOT_FOUND":
            self._record.saw(f"cookie {token} of {account.id} was not found to be deleted")
        elif outcome is not Outcome.NO:
            account.cookies[token] = Outcome.NO if outcome is Outcome.YES else Outcome.MAYBE

    def sign_in_again(self, account: AccountRecord) -> None:
        """Ends all tokens and signs in; the old token must be worth nothing then."""
        out = self._caller.post("/auth/logout")
        if self._record.count("log out", outcome_of(out)) is Outcome.YES:
            self._expect_refusal(account)
        answer = self._caller.post("/auth/login", email=account.email, password=self._password)
        if self._record.count("sign in", outcome_of(answer)) is Outcome.YES:
            account.token = str(answer.body["access_token"])
            self._be(account)
        else:
            # Without a token that works there is nothing more to do with this account.
            self._account = None

    def _expect_refusal(self, account: AccountRecord) -> None:
        """A token that was ended may work for as long as the replicas need to hear of it, and no longer."""
        ended = time.monotonic()
        while (began := time.monotonic()) < ended + 2 * REVOCATION_SECONDS:
            answer = self._caller.get("/auth/me")
            if not answer.ok:
                return
            if began > ended + REVOCATION_SECONDS:
                self._record.saw(f"a token of {account.id} works {began - ended:.2f} s after its end")
                return

    def delete_code(self, account: AccountRecord) -> None:
        """An admin deletes a code that the account has, or may have."""
        codes = [code for code in account.attempts if account.may_have(code)]
        if not codes:
            return
        self._redeeming.delete(self._chance.choice(codes))

    def leave(self, account: AccountRecord) -> None:
        """An admin deletes the account; the member comes back with another one."""
        answer = self._admin.delete(f"/admin/users/{account.id}")
        outcome = self._record.count("delete account", outcome_of(answer))
        gone = outcome is Outcome.YES or answer.reason == "ACCOUNT_NOT_FOUND"
        account.exists = Outcome.NO if gone else Outcome.MAYBE
        self._account = None

    def _be(self, account: AccountRecord) -> None:
        self._account = account
        self._caller.close()
        self._caller = GatewayCaller(self._gateway_url, account.token)

    def _made(self) -> AccountRecord | None:
        try:
            [ready] = self._accounts.make(1)
        except DatabaseUnavailableError:
            self._record.count("make account", Outcome.MAYBE)
            return None
        return self._record.add_account(AccountRecord(ready.id, ready.email, ready.token))

    def _register(self) -> AccountRecord | None:
        email = f"{self._chance.randbytes(8).hex()}@example.com"
        body = {"email": email, "password": self._password}
        answer = self._caller.post("/auth/register", **body)
        if self._record.count("register", outcome_of(answer)) is not Outcome.YES:
            return None
        account = AccountRecord(str(answer.body["id"]), email, "")
        self._record.add_account(account)
        signed_in = self._caller.post("/auth/login", **body)
        if self._record.count("sign in", outcome_of(signed_in)) is not Outcome.YES:
            return None
        account.token = str(signed_in.body["access_token"])
        return account
