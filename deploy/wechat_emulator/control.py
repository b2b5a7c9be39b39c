"""A client of the emulator's control API: acts as the phone, and changes the emulator's behaviour."""

import time
from types import TracebackType
from typing import Any, Literal, Self, Unpack

import requests

from deploy.wechat_emulator.fault_spec import Fault
from deploy.wechat_emulator.knobs import KnobChanges, Knobs
from deploy.wechat_emulator.reports import (
    AccountReport,
    CountersReport,
    LoginReport,
    RequestReport,
    SessionReport,
    Stage,
)

TOKEN_HEADER = "X-Emulator-Token"


class EmulatorRefusedError(Exception):
    """The control API refused a call.

    `status` is the HTTP status, `reason` e.g. "System error" for a used QR code.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status
        self.reason = reason


class EmulatorControl:
    """Controls one emulator. Not thread-safe.

    The argument `login` is the login's uuid, one of its QR tickets, or the whole URL decoded from the QR picture.
    Every method raises EmulatorRefusedError if the emulator refuses, and requests' errors if it cannot be reached.
    """

    def __init__(self, base_url: str, token: str, ca_file: str | None = None, timeout: float = 10.0) -> None:
        self._base_url = base_url.rstrip("/")
        self._timeout = timeout
        self._http = requests.Session()
        # A developer's proxy or CA settings must not affect the tests.
        self._http.trust_env = False
        self._http.headers[TOKEN_HEADER] = token
        if ca_file is not None:
            self._http.verify = ca_file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._http.close()

    # The phone's actions.

    def scan(
        self,
        login: str,
        account: str | None = None,
        acct_size: int | None = None,
        status: Literal[4, 6] | None = None,
    ) -> LoginReport:
        """A person scans the QR. Refused for a QR that is used, replaced or expired.

        Without `account` a fresh invented one is chosen; a new name invents that account.
        """
        return self._phone("scan", login, account=account, acct_size=acct_size, status=status)

    def confirm(self, login: str, account: str | None = None) -> LoginReport:
        """The person confirms, choosing `account` if given. Refused before a scan and when acct_size is 0."""
        return self._phone("confirm", login, account=account)

    def scan_and_confirm(self, login: str, account: str | None = None) -> LoginReport:
        """Scans and immediately confirms."""
        self.scan(login, account=account)
        return self.confirm(login)

    def cancel(self, login: str) -> LoginReport:
        """The person taps cancel: status 2."""
        return self._phone("cancel", login)

    def expire(self, login: str) -> LoginReport:
        """WeChat lets the QR expire now: status 3."""
        return self._phone("expire", login)

    def cannot_login(self, login: str, binduin: int = 0) -> LoginReport:
        """Status 5; `binduin` other than 0 means that the account has no e-mail bound."""
        return self._phone("cannot_login", login, binduin=binduin)

    def set_raw_status(self, login: str, status: int | None) -> LoginReport:
        """Makes every `ask` answer `status`, whatever the login's state; None restores the real status."""
        return self._phone("raw_status", login, status=status)

    def require_approval(self, login: str) -> None:
        """The person is an operator: an administrator must approve after the confirmation."""
        self.set_login_knobs(login, require_approval=True)

    def approve(self, login: str) -> LoginReport:
        """The administrator approves (loginauth status 1)."""
        return self._phone("approval", login, status=1)

    def refuse(self, login: str) -> LoginReport:
        """The administrator refuses (loginauth status 2)."""
        return self._phone("approval", login, status=2)

    def approval_timeout(self, login: str) -> LoginReport:
        """The administrator never answers (loginauth status 3)."""
        return self._phone("approval", login, status=3)

    def set_approval_status(self, login: str, status: int) -> LoginReport:
        """Any other status of loginauth, e.g. 4 (keep polling) or an unknown one."""
        return self._phone("approval", login, status=status)

    # The state of WeChat's side.

    def login(self, login: str) -> LoginReport:
        """Returns one login."""
        return LoginReport(**self._call("POST", "/login", {"login": login}))

    def logins(self, stage: Stage | None = None) -> list[LoginReport]:
        """Returns all logins since the start or the last reset, oldest first; with `stage` only those at it."""
        reports = [LoginReport(**item) for item in self._call("GET", "/logins")["logins"]]
        return [report for report in reports if stage is None or report.stage == stage]

    def pending_logins(self) -> list[LoginReport]:
        """Returns the logins whose QR code can be scanned now, oldest first."""
        return self.logins("qr_issued")

    def wait_for_logins(
        self, count: int = 1, stage: Stage = "qr_issued", timeout: float = 10.0
    ) -> list[LoginReport]:
        """Waits until there are `count` logins at `stage` and returns them.

        Raises TimeoutError if there are fewer after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while len(found := self.logins(stage)) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(found)} logins are {stage}, not {count}, after {timeout} s")
            time.sleep(0.02)
        return found

    def ask_times(self) -> dict[str, list[float]]:
        """Returns the times at which each login (uuid) was polled by `scanloginqrcode?action=ask`.

        The times are CLOCK_MONOTONIC in seconds, the last 2,000 of each login.
        """
        times: dict[str, list[float]] = self._call("GET", "/asks")["asks"]
        return times

    def counters(self) -> CountersReport:
        """Returns the numbers of requests and faults so far, and of open connections.

        Control calls are not counted.
        """
        return CountersReport(**self._call("GET", "/counters"))

    def recorded_requests(self) -> list[RequestReport]:
        """Returns the requests since the knob `record_requests` was turned on."""
        return [RequestReport(**item) for item in self._call("GET", "/requests")["requests"]]

    # Accounts and sessions.

    def add_account(
        self,
        name: str,
        original_id: str | None = None,
        bizuin: int | None = None,
        head_image: str | None = None,
        alias: str | None = None,
        messages: int | None = None,
    ) -> AccountReport:
        """Adds an account with this name; values left out are derived from the name, the same in every run.

        It has published `messages` (23, at most 10,000), of one to three articles each. Refused if the name exists
        with other values.
        """
        fields = {
            "original_id": original_id,
            "bizuin": bizuin,
            "head_image": head_image,
            "alias": alias,
            "messages": messages,
        }
        return AccountReport(**self._call("POST", "/accounts", {"name": name, **fields}))

    def add_namesake(self, name: str) -> AccountReport:
        """Adds another account with this name, which can be searched for; scans choose the first one."""
        return AccountReport(**self._call("POST", "/accounts/namesake", {"name": name}))

    def publish(self, original_id: str, messages: int = 1) -> AccountReport:
        """The account publishes further messages, which become its newest."""
        body = {"original_id": original_id, "messages": messages}
        return AccountReport(**self._call("POST", "/accounts/publish", body))

    def accounts(self) -> list[AccountReport]:
        """Returns all accounts."""
        return [AccountReport(**item) for item in self._call("GET", "/accounts")["accounts"]]

    def sessions(self) -> list[SessionReport]:
        """Returns the sessions since the start or the last reset, oldest first."""
        return [SessionReport(**item) for item in self._call("GET", "/sessions")["sessions"]]

    def kill_session(self, token: str) -> None:
        """WeChat ends the session: its calls get 200003 from now on."""
        self._call("POST", "/sessions/kill", {"token": token})

    # Behaviour.

    def set_knobs(self, **changes: Unpack[KnobChanges]) -> Knobs:
        """Changes knobs for all logins without a value of their own, existing ones included."""
        return Knobs(**self._call("POST", "/knobs", dict(changes)))

    def set_login_knobs(self, login: str, **changes: Unpack[KnobChanges]) -> Knobs:
        """Changes knobs for one login."""
        return Knobs(**self._call("POST", "/login/knobs", {"login": login, "knobs": dict(changes)}))

    def knobs(self) -> Knobs:
        """Returns the knobs of logins without values of their own."""
        return Knobs(**self._call("GET", "/knobs"))

    def add_fault(self, fault: Fault) -> None:
        """Adds a fault, which affects matching requests from now on; of several that match, the newest is used."""
        self._call("POST", "/faults", fault.as_json())

    def faults(self) -> list[Fault]:
        """Returns the active faults, with the number of times left."""
        return [Fault.from_json(item) for item in self._call("GET", "/faults")["faults"]]

    def clear_faults(self) -> None:
        """Removes all faults."""
        self._call("DELETE", "/faults")

    def advance_clock(self, seconds: float) -> None:
        """Advances the emulator's clock: QR codes, sessions and timed actions age by `seconds`."""
        self._call("POST", "/clock", {"advance": seconds})

    def reset(self) -> None:
        """Restores the initial state: no logins, sessions, faults or counts; initial knobs, accounts and time."""
        self._call("POST", "/reset")

    def _phone(self, act: str, login: str, **details: Any) -> LoginReport:
        return LoginReport(**self._call("POST", f"/phone/{act}", {"login": login, **details}))

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        response = self._http.request(
            method, f"{self._base_url}/_emulator{path}", json=body, timeout=self._timeout
        )
        answer: dict[str, Any] = response.json() if response.content else {}
        if response.status_code != requests.codes.ok:
            raise EmulatorRefusedError(response.status_code, str(answer.get("error", "no reason given")))
        return answer
