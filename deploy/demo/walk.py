"""The steps of the demo. Each verifies what it prints; the first failure ends the demo."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import qrcode

from deploy.demo.rest import RefusedError, RestCaller
from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl

EMAIL = "alice@example.com"
PASSWORD = "correct horse battery"  # noqa: S105 - of an account that lives as long as the demo
POLL_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 30.0
EXAMPLE = Path("examples/search_articles.py")


class StepFailedError(Exception):
    """A step of the demo failed."""


class Walk:
    """One run of the demo on a running stack with a WeChat emulator. Raises StepFailedError if a step fails."""

    def __init__(self, stack: LocalStack, phone: EmulatorControl) -> None:
        self._stack = stack
        self._phone = phone
        self._step = 0

    def run(self) -> None:
        """Runs all steps in order."""
        with RestCaller(self._stack.gateway_url) as alice, RestCaller(self._stack.gateway_url) as admin:
            self._register(alice)
            self._activate(alice, self._generate_code(admin))
            first = self._scan_by_event_stream(alice)
            second = self._scan_by_polling(alice)
            self._choose(alice, first, second)
            self._search()
            self._delete(alice, first)

    def _register(self, alice: RestCaller) -> None:
        account = alice.post("/auth/register", email=EMAIL, password=PASSWORD)
        self._say(f"registered {account['email']}: role {account['role']}, {account['activation_status']}")
        alice.sign_in(EMAIL, PASSWORD)
        self._say("signed in")
        try:
            alice.get("/cookie/list")
        except RefusedError as refusal:
            self._check(refusal.reason == "ACCOUNT_NOT_ACTIVATED", str(refusal))
            self._say(f"asked for cookies and was refused: {refusal}")
        else:
            raise StepFailedError("an account that is not activated may list cookies")

    def _generate_code(self, admin: RestCaller) -> str:
        made = self._stack.first_admin
        if made is None:
            raise StepFailedError("the stack made no first admin")
        admin.sign_in(made.email, made.password)
        codes = admin.post("/activation/generate", valid_days=30, count=3)["codes"]
        self._check(len(codes) == 3, "three codes")  # noqa: PLR2004 - as asked for in the line above
        self._say(f"the admin generated {len(codes)} codes of {codes[0]['valid_days']} days")
        return str(codes[0]["activation_code"])

    def _activate(self, alice: RestCaller, code: str) -> None:
        answer = alice.post("/activation/activate", activation_code=code)
        account = alice.get("/auth/me")
        self._check(account["activation_status"] == "active", "the same token is active immediately")
        self._check(account["expired_time"] == answer["expired_time"], "account and code agree")
        self._say(f"redeemed a code: {account['activation_status']} until {account['expired_time']}")

    def _scan_by_event_stream(self, alice: RestCaller) -> dict[str, Any]:
        events = alice.events("/cookie/login")
        shown = self._next(events, "qr_code")["qr_code"]
        self._say("asked for a login; this is the QR code that came on the event stream:")
        self._draw(shown["url"])
        self._phone.scan(shown["url"])
        self._say(f"scanned it: {self._next(events, 'progress', 'scanned')['progress']['message']}")
        self._phone.confirm(shown["url"])
        self._say(f"confirmed it: {self._next(events, 'progress', 'confirmed')['progress']['message']}")
        cookie: dict[str, Any] = self._next(events, "success")["success"]["cookie"]
        self._say(f"{cookie['name']} is logged in; the cookie lasts until {cookie['expire_time']}")
        picture = alice.picture(cookie["avatar"])
        self._say(f"fetched its avatar: {len(picture)} bytes")
        return cookie

    def _scan_by_polling(self, alice: RestCaller) -> dict[str, Any]:
        started = alice.get("/cookie/get")
        self._check(started["status"] == "pending" and "qrcode_base64" in started, "a QR code to poll for")
        login = self._phone.pending_logins()[-1]
        self._phone.scan_and_confirm(login.uuid)
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while (answer := alice.get("/cookie/poll", login_key=started["login_key"]))["status"] == "pending":
            self._check(time.monotonic() < deadline, "the login ended in time")
            time.sleep(POLL_SECONDS)
        self._check(answer["status"] == "success", answer["message"])
        self._say(f"logged {answer['cookie']['name']} in as well, by polling: {answer['message']}")
        cookie: dict[str, Any] = answer["cookie"]
        return cookie

    def _choose(self, alice: RestCaller, first: dict[str, Any], second: dict[str, Any]) -> None:
        items = alice.get("/cookie/list")["items"]
        self._check([item["token"] for item in items] == [second["token"], first["token"]], "newest first")
        self._check([item["is_current"] for item in items] == [True, False], "the newest is current")
        self._say(f"listed {len(items)} cookies; {second['name']} is current")
        changed = alice.post("/cookie/change", token=first["token"])
        self._check(alice.get("/cookie/current")["token"] == first["token"], "the chosen one is current")
        self._say(f"changed to {changed['name']}")

    def _search(self) -> None:
        emulator, tls = self._stack.wechat_emulator, self._stack.tls_files("collector")
        if emulator is None:
            raise StepFailedError("the stack has no emulator")
        command = [sys.executable, str(EXAMPLE), "笔记", "--owner", EMAIL]
        command += ["--address", self._stack.addresses("wechat_cookie")[0], "--tls", str(tls.ca_file.parent)]
        command += ["--wechat", emulator.base_url, "--wechat-ca", str(emulator.ca_file)]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=LONGEST_WAIT_SECONDS
        )
        self._check(done.returncode == 0, done.stderr)
        self._say("an internal program acquired the cookie over gRPC and searched articles with it:")
        print(done.stdout.rstrip())

    def _delete(self, alice: RestCaller, cookie: dict[str, Any]) -> None:
        folder = self._stack.state_directory / cookie["local"]
        self._check(folder.is_dir(), "the exported folder was there")
        alice.post("/cookie/delete", token=cookie["token"])
        self._check(not folder.exists(), "the exported folder is gone")
        items = alice.get("/cookie/list")["items"]
        self._check([item["is_current"] for item in items] == [True], "the one left is current")
        self._say(f"deleted {cookie['name']}; {items[0]['name']} is left and current")

    def _next(self, events: Iterator[dict[str, Any]], kind: str, stage: str | None = None) -> dict[str, Any]:
        for event in events:
            if "failure" in event:
                raise StepFailedError(f"the login failed: {event['failure']}")
            if kind in event and stage in {None, event[kind].get("stage")}:
                return event
        raise StepFailedError(f"the stream ended before {kind} {stage or ''}")

    @staticmethod
    def _draw(text: str) -> None:
        picture = qrcode.QRCode(border=2)
        picture.add_data(text)
        picture.print_ascii(invert=True)

    @staticmethod
    def _check(holds: bool, claim: str) -> None:
        if not holds:
            raise StepFailedError(f"this does not hold: {claim}")

    def _say(self, sentence: str) -> None:
        self._step += 1
        print(f"{self._step:2}. {sentence}", flush=True)
