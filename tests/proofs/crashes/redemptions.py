"""One account redeeming one code, seen from outside: the call under way, and where both have come to."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, LiteralString, Self

import psycopg

from deploy.local.stack import LocalStack
from tests.support.gateway_calls import Answer, GatewayCaller
from tests.support.ready_accounts import ReadyAccount
from tests.support.waiting import wait_until

APPLIED = "applied once"
NOT_TAKEN = "not taken"
CODE = "SELECT * FROM activation_codes WHERE activation_code = %s FOR UPDATE"
# Every change of an account locks this row last, and so stops before its commit.
FEED = "SELECT * FROM account_feed FOR UPDATE"
SETTLING_SECONDS = 45

_UNFINISHED_JOBS = "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
_CODE = (
    "SELECT activation_status, account_id::text, expiry_date FROM activation_codes WHERE activation_code = %s"
)
_ACCOUNT = "SELECT activation_status, activation_code, expired_time FROM accounts WHERE id = %s"
_MEMORY = "SELECT account_id::text FROM account_activations WHERE activation_code = %s AND cleared_at IS NULL"
_CHANGES = "SELECT count(*) FROM account_changes WHERE account_id = %s AND kind = 'changed'"


@dataclass(frozen=True)
class Redemption:
    """An Activate that was sent through the gateway. The end of the context waits for the answer."""

    stack: LocalStack
    account: ReadyAccount
    code: str
    _pool: ThreadPoolExecutor
    answer: Future[Answer]

    @classmethod
    def send(cls, stack: LocalStack, account: ReadyAccount, code: str) -> Self:
        """Sends the account's call; does not wait for the answer."""
        pool = ThreadPoolExecutor(1, thread_name_prefix="redeeming")
        return cls(stack, account, code, pool, pool.submit(redeem, stack, account, code))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    def outcome(self) -> str:
        """APPLIED or NOT_TAKEN as soon as nothing is under way any more. Fails for anything in between."""
        found: list[str] = []

        def settled() -> bool:
            found[:] = [self._standing()]
            return found[0] in {APPLIED, NOT_TAKEN} and self._activation(_UNFINISHED_JOBS)[0] == 0

        wait_until(settled, f"code and account agree, and no job is left ({found})", SETTLING_SECONDS)
        return found[0]

    def _standing(self) -> str:
        code_status, bound_to, expiry = self._activation(_CODE, self.code)
        account_status, carried, expired = self._identity(_ACCOUNT, self.account.id)
        memory = self._identity(_MEMORY, self.code)
        if code_status == "pending" and account_status == "pending" and carried is None and not memory:
            return NOT_TAKEN
        # Made, and changed once: a second application would be a second change.
        changes = self._identity(_CHANGES, self.account.id)[0]
        agreed = (bound_to, carried, memory) == (self.account.id, self.code, (self.account.id,))
        ends_alike = expired is not None and expired.strftime("%Y-%m-%dT%H:%M:%S.%f") == str(expiry)[:26]
        if code_status == account_status == "active" and agreed and ends_alike and changes == 2:
            return APPLIED
        return f"code {code_status}, account {account_status}, changes {changes}, agreed {agreed}"

    def _activation(self, query: LiteralString, *values: object) -> tuple[Any, ...]:
        return _row(self.stack.database_url("activation"), query, values)

    def _identity(self, query: LiteralString, *values: object) -> tuple[Any, ...]:
        return _row(self.stack.database_url("identity"), query, values)


def redeem(stack: LocalStack, account: ReadyAccount, code: str) -> Answer:
    """The call itself, through the gateway."""
    with GatewayCaller(stack.gateway_url, account.token) as caller:
        return caller.post("/activation/activate", activation_code=code)


def _row(url: str, query: LiteralString, values: tuple[object, ...]) -> tuple[Any, ...]:
    with psycopg.connect(url) as connection:
        return connection.execute(query, values).fetchone() or ()
