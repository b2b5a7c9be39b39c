"""The limits as they ship, for clients behind a trusted proxy: a flood from one network stops no other network.

Each client names its address as the proxy in front of the gateway would, in X-Forwarded-For.
"""

import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any

import pytest
import requests

from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack
from tests.support.ready_accounts import ReadyAccount, ReadyAccounts
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

PASSWORD = "a password of the tests"
ELSEWHERE = "203.0.113.7"
# Fewer than shipped, so that one thread on a busy machine is a flood.
PUBLIC_REQUESTS_PER_SECOND = 20
WRONG_GUESSES = 10
CONNECTIONS = 100
FREE_ACCOUNTS = 10
SIGN_INS = 8
STARTS_PER_HOUR = 30
STREAMS = 8
# In the flood a sign-in may take three times as long, and the gateway waits for 30 s.
BUSY_SIGN_IN_SECONDS = 5.0
CONNECT_AND_ANSWER_SECONDS = 30.0


class Client:
    """A client at one address. Not for use by two threads at the same time."""

    def __init__(self, gateway_url: str, address: str, token: str | None = None) -> None:
        self._url = gateway_url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["X-Forwarded-For"] = address
        if token is not None:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def call(self, method: str, path: str, **body: Any) -> tuple[int, str]:
        """Status and ErrorInfo's reason of one call."""
        answer = self._session.request(
            method, self._url + path, json=body or None, timeout=CONNECT_AND_ANSWER_SECONDS
        )
        return answer.status_code, reason_of(answer)

    def sign_in(self, email: str, password: str = PASSWORD) -> tuple[int, str]:
        return self.call("POST", "/auth/login", email=email, password=password)

    def start(self) -> str:
        """Starts a login; returns its key."""
        answer = self._session.get(f"{self._url}/cookie/get", timeout=CONNECT_AND_ANSWER_SECONDS)
        assert answer.ok, answer.text
        return str(answer.json()["login_key"])

    def watch(self, login_key: str) -> requests.Response:
        """The answer that is the stream of a login's events, or the refusal of it."""
        return self._session.get(
            f"{self._url}/cookie/watch",
            params={"login_key": login_key},
            stream=True,
            timeout=CONNECT_AND_ANSWER_SECONDS,
        )

    def start_and_cancel(self) -> tuple[int, str]:
        """Starts a login and ends it; status and reason of the start."""
        answer = self._session.get(f"{self._url}/cookie/get", timeout=CONNECT_AND_ANSWER_SECONDS)
        if answer.ok:
            cancelled = self.call("POST", "/cookie/cancel", login_key=answer.json()["login_key"])
            assert cancelled == (200, "")
        return answer.status_code, reason_of(answer)


def reason_of(answer: requests.Response) -> str:
    if answer.ok:
        return ""
    details: list[dict[str, Any]] = answer.json()["details"]
    return next(str(detail["reason"]) for detail in details if "reason" in detail)


@pytest.fixture(scope="module")
def jwt_secret() -> str:
    return secrets.token_urlsafe(48)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory, jwt_secret: str) -> Iterator[LocalStack]:
    """A stack behind one trusted proxy, otherwise with the limits that it ships with."""
    settings = LocalSettings.side_by_side(tmp_path_factory.mktemp("shipped"), jwt_secret=jwt_secret)
    environment = {
        **os.environ,
        "TRUSTED_PROXIES": "1",
        "PUBLIC_REQUESTS_PER_SECOND": str(PUBLIC_REQUESTS_PER_SECOND),
    }
    with LocalStack(settings, wechat_emulator=(), environment=environment) as running:
        yield running


@pytest.fixture(scope="module")
def accounts(shipped: LocalStack, jwt_secret: str) -> ReadyAccounts:
    return ReadyAccounts(shipped.database_url("identity"), jwt_secret, PASSWORD)


def active(shipped: LocalStack, accounts: ReadyAccounts) -> ReadyAccount:
    """A new account that has redeemed a code."""
    [admin], [account] = accounts.make(1, role="admin"), accounts.make(1)
    headers = {"Authorization": f"Bearer {admin.token}"}
    answer = requests.put(
        f"{shipped.gateway_url}/admin/users/{account.id}",
        json={"activation_status": "active", "expired_time": "2099-01-01T00:00:00Z"},
        headers=headers,
        timeout=CONNECT_AND_ANSWER_SECONDS,
    )
    assert answer.ok, answer.text
    return account


def test_a_flood_of_public_calls_takes_no_calls_of_other_networks(shipped: LocalStack) -> None:
    flood = "198.51.100.1"
    with Client(shipped.gateway_url, flood) as client, Client(shipped.gateway_url, ELSEWHERE) as elsewhere:
        wait_until(lambda: client.call("GET", "/docs")[0] == 429, "the flood is refused", 60)
        assert elsewhere.call("POST", "/auth/login")[0] == 400
        # A load balancer that asks from a busy address.
        assert client.call("GET", "/health")[0] == 200


def test_wrong_guesses_from_one_network_lock_nobody_out_of_another(
    shipped: LocalStack, accounts: ReadyAccounts
) -> None:
    [owner] = accounts.make(1)
    with (
        Client(shipped.gateway_url, "198.51.100.2") as guesser,
        Client(shipped.gateway_url, ELSEWHERE) as client,
    ):
        guesses = [guesser.sign_in(owner.email, f"guess {number}")[0] for number in range(WRONG_GUESSES + 1)]
        assert guesses == [401] * WRONG_GUESSES + [429]
        assert guesser.sign_in(owner.email)[0] == 429
        # The account has never signed in: no network is known to be its owner's.
        assert client.sign_in(owner.email) == (200, "")


def test_free_accounts_that_sign_in_all_the_time_keep_nobody_from_signing_in(
    shipped: LocalStack, accounts: ReadyAccounts
) -> None:
    free, [owner] = accounts.make(FREE_ACCOUNTS), accounts.make(1)
    with Client(shipped.gateway_url, ELSEWHERE) as client:
        began = time.monotonic()
        assert client.sign_in(owner.email) == (200, "")
        if time.monotonic() - began > BUSY_SIGN_IN_SECONDS:
            pytest.skip("the machine is too busy: sign-ins take long without a flood, too")
    outcomes: Counter[str] = Counter()
    lock, over = threading.Lock(), threading.Event()

    def keep_signing_in(number: int) -> None:
        with Client(shipped.gateway_url, "198.51.100.3") as client:
            while not over.is_set():
                try:
                    _, reason = client.sign_in(free[number % FREE_ACCOUNTS].email)
                except requests.Timeout:
                    reason = "timeout"
                with lock:
                    outcomes[reason] += 1
                over.wait(CONNECTIONS / PUBLIC_REQUESTS_PER_SECOND if reason else 0)

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        running = [pool.submit(keep_signing_in, number) for number in range(CONNECTIONS)]
        try:
            wait_until(lambda: outcomes["HASHING_BUSY"], "the flood has filled its queue", 60)
            with Client(shipped.gateway_url, ELSEWHERE) as client:
                assert [client.sign_in(owner.email) for _ in range(SIGN_INS)] == [(200, "")] * SIGN_INS
        finally:
            over.set()
        for one in running:
            one.result()


def test_an_account_starts_thirty_logins_an_hour(shipped: LocalStack, accounts: ReadyAccounts) -> None:
    ann, bob = active(shipped, accounts), active(shipped, accounts)
    with (
        Client(shipped.gateway_url, "198.51.100.4", ann.token) as eager,
        Client(shipped.gateway_url, ELSEWHERE, bob.token) as other,
    ):
        assert {eager.start_and_cancel() for _ in range(STARTS_PER_HOUR)} == {(200, "")}
        assert eager.start_and_cancel() == (429, "LOGIN_STARTS_THROTTLED")
        assert other.start_and_cancel() == (200, "")


def test_an_account_has_eight_streams_and_keeps_nobody_from_logging_in(
    shipped: LocalStack, accounts: ReadyAccounts
) -> None:
    ann, bob = active(shipped, accounts), active(shipped, accounts)
    with (
        ExitStack() as held,
        Client(shipped.gateway_url, "198.51.100.5", ann.token) as eager,
        Client(shipped.gateway_url, ELSEWHERE, bob.token) as other,
    ):
        key = eager.start()
        answers = [held.enter_context(closing(eager.watch(key))) for _ in range(STREAMS + 1)]
        assert [answer.status_code for answer in answers] == [200] * STREAMS + [429]
        assert reason_of(answers[-1]) == "TOO_MANY_STREAMS"
        assert other.start_and_cancel() == (200, "")
