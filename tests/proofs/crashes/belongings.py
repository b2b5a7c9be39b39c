"""What an account has all over the stack: its code, its cookies and their folders, its running login."""

import base64
import io
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
import zxingcpp
from PIL import Image

from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from tests.support.gateway_calls import GatewayCaller
from tests.support.ready_accounts import ReadyAccount
from tests.support.waiting import wait_until


def log_in(caller: GatewayCaller, phone: EmulatorControl) -> str:
    """Logs an official account in by polling; gives the cookie's token."""
    begun = caller.get("/cookie/get")
    assert begun.ok, begun
    phone.scan_and_confirm(qr_text(begun.body["qrcode_base64"]))
    key = str(begun.body["login_key"])

    def succeeded() -> bool:
        return bool(caller.get("/cookie/poll", login_key=key).body.get("status") == "success")

    wait_until(succeeded, "the login has succeeded", 30)
    return str(caller.get("/cookie/poll", login_key=key).body["cookie"]["token"])


def qr_text(picture: str) -> str:
    """What a QR code's picture (base64) encodes."""
    image = Image.open(io.BytesIO(base64.b64decode(picture)))
    read = zxingcpp.read_barcode(image, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    assert read is not None
    return read.text


@dataclass(frozen=True)
class Belongings:
    """Counts what an account has, in the databases and on disk."""

    stack: LocalStack
    account: ReadyAccount
    cookie_tokens: tuple[str, ...]

    def codes(self) -> int:
        return self._count("activation", "SELECT count(*) FROM activation_codes WHERE account_id = %s")

    def cookies(self) -> int:
        return self._count("wechat_cookie", "SELECT count(*) FROM cookies WHERE owner_id = %s")

    def running_logins(self) -> int:
        query: LiteralString = "SELECT count(*) FROM logins WHERE owner_id = %s AND ended_at IS NULL"
        return self._count("wechat_cookie", query)

    def folders(self) -> int:
        root = self.stack.static_directory / "cookies"
        return sum((root / token).exists() for token in self.cookie_tokens)

    def all(self) -> tuple[int, int, int, int]:
        """Codes, cookies, folders and running logins."""
        return self.codes(), self.cookies(), self.folders(), self.running_logins()

    def _count(self, service: str, query: LiteralString) -> int:
        return int(rows(self.stack, service, query, self.account.id)[0][0])


def rows(stack: LocalStack, service: str, query: LiteralString, *values: object) -> list[tuple[Any, ...]]:
    """What a query finds in a service's database; empty for a statement without rows."""
    with psycopg.connect(stack.database_url(service)) as connection:
        cursor = connection.execute(query, values)
        return cursor.fetchall() if cursor.description else []
