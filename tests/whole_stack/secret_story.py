"""Everything that has to do with secrets, done once on a stack that logs, traces and fails as much as it can."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import psutil
import psycopg
import requests
from psycopg import sql

from deploy.local.kept_secrets import read_kept
from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from deploy.wechat_emulator.fault_spec import Fault
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as pb_grpc
from tests.proofs.crashes.belongings import qr_text
from tests.support.direct_calls import channels
from tests.support.waiting import wait_until
from tests.whole_stack.canaries import Canaries

# Of a session's cookies, those that open it; the others are an account's public numbers.
OPENING = ("slave_sid", "data_ticket", "rand_info", "xid")
TABLES = {"identity": "accounts", "activation": "activation_codes", "wechat_cookie": "cookies"}
TIMEOUT_SECONDS = 45.0


@dataclass
class SecretStory:
    """What was said to callers, by the call; `refusals` are the error answers among it."""

    stack: LocalStack
    phone: EmulatorControl
    canaries: Canaries = field(default_factory=Canaries)
    answers: dict[str, bytes] = field(default_factory=dict)
    refusals: dict[str, bytes] = field(default_factory=dict)

    def tell(self) -> None:
        """Does everything. Raises AssertionError when what should work did not."""
        kept = read_kept(self.stack.state_directory / "secrets.json")
        for name, value in vars(kept).items():
            if name != "jwt_secret":
                self.canaries.add("kept secret", *str(value).split(","))
        admin = self._sign_in(*self._first_admin())
        email, password = f"{secrets.token_hex(6)}@example.com", self._password()
        self._call("POST", "/auth/register", json={"email": email, "password": password})
        person = self._sign_in(email, password)
        person = self._new_password(person, email, password)
        code = self._codes(admin, person)
        self._channel(person)
        self._log_official_accounts_in(person)
        self._hand_out(person)
        self._provoke(admin, person, code)
        with self._without_tables():
            self._provoke(admin, person, code)
            self._hand_out(person)

    def _first_admin(self) -> tuple[str, str]:
        settings = self.stack.settings
        assert settings.admin_password is not None
        password = settings.admin_password.get_secret_value()
        self.canaries.add("password", password)
        return settings.admin_email, password

    def _password(self) -> str:
        password = f"canary password {secrets.token_hex(8)}"
        self.canaries.add("password", password)
        return password

    def _sign_in(self, email: str, password: str) -> str:
        answer = self._call("POST", "/auth/login", json={"email": email, "password": password})
        token = str(answer["access_token"])
        # The signature alone: without it the rest of a token opens nothing.
        self.canaries.add("access token", token.rpartition(".")[2])
        return token

    def _new_password(self, token: str, email: str, password: str) -> str:
        new = self._password()
        self._call("POST", "/auth/password", token, json={"old_password": password, "new_password": new})
        return self._sign_in(email, new)

    def _codes(self, admin: str, person: str) -> str:
        body = {"valid_days": 30, "count": 3}
        made = self._call("POST", "/activation/generate", admin, json=body)["codes"]
        codes = [str(code["activation_code"]) for code in made]
        self.canaries.add("activation code", *codes)
        self._call("POST", "/activation/activate", person, json={"activation_code": codes[0]})
        self._call("POST", "/activation/revoke", admin, json={"activation_code": codes[1]})
        self._call("GET", "/activation/list", admin)
        self._call("GET", "/activation/export", admin)
        self._call("GET", "/admin/users", admin)
        for service in ("", "/activation", "/wechat_cookie"):
            self._call("GET", f"/admin/audit{service}", admin)
        return codes[0]

    def _log_official_accounts_in(self, person: str) -> None:
        """One that succeeds, one whose last answer is lost, one that is cancelled."""
        self.phone.set_knobs(record_requests=True)
        self._log_in(person, "success")
        self.phone.add_fault(Fault("/cgi-bin/bizlogin?action=login", "garbage", after_processing=True))
        self._log_in(person, "failed")
        self.phone.clear_faults()
        for session in self.phone.sessions():
            self.canaries.add("cookie value", *(session.cookies[name] for name in OPENING))
        for path in ("/auth/me", "/cookie/list", "/cookie/current"):
            self._call("GET", path, person)

    def _channel(self, person: str) -> None:
        """A webhook at a name that does not exist, and a message to it."""
        path = secrets.token_urlsafe(16)
        self.canaries.add("webhook address", path)
        body = {"kind": "webhook", "name": "receiver", "address": f"https://receiver.invalid/{path}"}
        channel = self._call("POST", "/notifications/channels", person, json=body)
        self.canaries.add("webhook secret", str(channel["secret"]))
        self._call("POST", f"/notifications/channels/{channel['id']}/test", person)
        for listed in ("", "/channels", "/deliveries"):
            self._call("GET", f"/notifications{listed}", person)

    def _log_in(self, person: str, ending: str) -> None:
        begun = self._call("GET", "/cookie/get", person)
        key = str(begun["login_key"])
        self.canaries.add("login key", key)
        self.phone.scan_and_confirm(qr_text(begun["qrcode_base64"]))

        def status() -> object:
            return self._call("GET", "/cookie/poll", person, params={"login_key": key}).get("status")

        wait_until(lambda: status() == ending, f"the login has ended as {ending}", 40)
        self._call("GET", "/cookie/watch", person, params={"login_key": key})

    def _hand_out(self, person: str) -> None:
        owner = self.owner_id(person)
        with channels(self.stack, "wechat_cookie", 1, "collector") as [connection]:
            stub = pb_grpc.WeChatCookieServiceStub(connection)
            try:
                answer = stub.AcquireCookie(pb.AcquireCookieRequest(owner_id=owner), timeout=TIMEOUT_SECONDS)
                report = pb.ReportCookieRequest(acquisition_id=answer.acquisition_id, outcome="ok")
                stub.ReportCookie(report, timeout=TIMEOUT_SECONDS)
                header = answer.cookie_header
                assert self.canaries.found_in(header.encode()) == {"cookie value"}
            except grpc.RpcError as error:
                said = f"{error.details()} {error.trailing_metadata()!r}"
                self.refusals["AcquireCookie"] = said.encode()

    def owner_id(self, token: str) -> str:
        """The account's id, as returned before."""
        if not hasattr(self, "_owner"):
            self._owner = str(self._call("GET", "/auth/me", token)["id"])
        return self._owner

    def _provoke(self, admin: str, person: str, code: str) -> None:
        """Calls that are refused, each with a secret where it is sent and, by mistake, where it is not."""
        wrong, key = self._password(), secrets.token_urlsafe(32)
        inner = {"kind": "webhook", "name": "receiver", "address": f"https://127.0.0.1/{key}"}
        self.canaries.add("login key", key)
        for method, path, token, options in (
            ("POST", "/auth/login", None, {"json": {"email": "admin@fastmp.example", "password": wrong}}),
            ("POST", "/auth/login", None, {"json": {"email": wrong, "password": wrong}}),
            ("POST", "/auth/login", None, {"data": f'{{"email": "{wrong}", "password": {wrong}'}),
            ("POST", "/auth/register", None, {"json": {"email": "a@example.com", "password": wrong * 9}}),
            ("POST", "/auth/password", person, {"json": {"old_password": wrong, "new_password": wrong}}),
            ("GET", "/auth/me", person[:-4], {}),
            ("GET", "/auth/me", wrong.replace(" ", "-"), {}),
            ("GET", f"/auth/{wrong}", None, {}),
            ("GET", "/admin/users", person, {"params": {"access_token": person}}),
            ("POST", "/activation/activate", admin, {"json": {"activation_code": code}}),
            ("GET", f"/admin/activation/{code}x", admin, {}),
            ("DELETE", f"/admin/activation/{code}", person, {}),
            ("GET", "/cookie/poll", person, {"params": {"login_key": key}}),
            ("POST", "/cookie/cancel", person, {"json": {"login_key": key}}),
            ("POST", "/cookie/change", person, {"json": {"token": key}}),
            ("POST", "/notifications/channels", person, {"json": inner}),
        ):
            self._call(method, path, token, refused=True, **options)

    def _call(
        self, method: str, path: str, token: str | None = None, *, refused: bool = False, **options: Any
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = self.stack.gateway_url + path
        answer = requests.request(method, url, headers=headers, timeout=TIMEOUT_SECONDS, **options)
        assert answer.ok is not refused, f"{method} {path} is answered with {answer.status_code}"
        said = str(dict(answer.headers)).encode() + answer.content
        where = self.refusals if refused else self.answers
        where[f"{method} {path}"] = where.get(f"{method} {path}", b"") + said
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        return dict(answer.json()) if is_json else {}

    @contextmanager
    def _without_tables(self) -> Iterator[None]:
        """Unexpected faults, whose tracebacks are logged: a table of each service has another name."""
        self._rename({table: f"{table}_away" for table in TABLES.values()})
        try:
            yield
        finally:
            self._rename({f"{table}_away": table for table in TABLES.values()})

    def _rename(self, names: dict[str, str]) -> None:
        for service, (old, new) in zip(TABLES, names.items(), strict=True):
            with psycopg.connect(self.stack.database_url(service)) as connection:
                statement = sql.SQL("ALTER TABLE {} RENAME TO {}")
                connection.execute(statement.format(sql.Identifier(old), sql.Identifier(new)))


@contextmanager
def command_lines() -> Iterator[set[str]]:
    """The command lines of all processes below this one, also of short-lived ones, while the block runs."""
    seen: set[str] = set()
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.05):
            for process in psutil.Process().children(recursive=True):
                try:
                    seen.add(" ".join(process.cmdline()))
                except psutil.Error:
                    continue

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        stop.set()
        watcher.join()
