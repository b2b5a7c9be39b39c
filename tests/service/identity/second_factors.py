"""Accounts with a second factor, and the authenticator app of their owner."""

import base64
import io
import json

import grpc
import pyotp
import zxingcpp
from cryptography.fernet import Fernet
from PIL import Image
from sqlalchemy import select

from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.errors import reason_of
from services.chassis.postgres.database import Database
from services.identity.tables import audit
from tests.service.identity.logins import EMAIL, from_address
from tests.service.identity.replicas import (
    PASSWORD,
    Account,
    Callers,
    Clock,
)

HOME = "203.0.113.7"
KEY = Fernet.generate_key().decode()
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
FAILED = grpc.StatusCode.FAILED_PRECONDITION


class App:
    """An authenticator app with one secret, by the clock of the replicas."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self.secret = secret
        self._clock = clock

    def code(self, steps: int = 0) -> str:
        return pyotp.TOTP(self.secret).at(self._clock.now(), counter_offset=steps)


def enrol(callers: Callers, account: Account, clock: Clock) -> App:
    answer = callers.gateway.EnrollTotp(pb.EnrollTotpRequest(), metadata=account.bearer)
    assert pyotp.parse_uri(answer.uri).secret == answer.secret
    picture = Image.open(io.BytesIO(base64.b64decode(answer.qrcode_base64))).convert("L")
    code = zxingcpp.read_barcode(picture)
    assert code is not None
    assert code.text == answer.uri
    return App(answer.secret, clock)


def confirm(callers: Callers, account: Account, totp: str) -> list[str]:
    request = pb.ConfirmTotpRequest(totp=totp)
    return list(callers.gateway.ConfirmTotp(request, metadata=account.bearer).recovery_codes)


def enable(callers: Callers, account: Account, clock: Clock) -> tuple[App, list[str]]:
    """Enables the second factor, and lets the code pass with which it was confirmed."""
    app = enrol(callers, account, clock)
    codes = confirm(callers, account, app.code())
    clock.advance(seconds=30)
    return app, codes


def disable(callers: Callers, account: Account, totp: str, password: str = PASSWORD) -> None:
    request = pb.DisableTotpRequest(password=password, totp=totp)
    callers.gateway.DisableTotp(request, metadata=account.bearer)


def login(
    callers: Callers, totp: str | None = None, password: str = PASSWORD, address: str = HOME
) -> str | None:
    """Signs in; gives the reason of the refusal, None for a token."""
    request = pb.LoginRequest(email=EMAIL, password=password, totp=totp)
    try:
        callers.gateway.Login(request, metadata=from_address(address))
    except grpc.RpcError as error:
        return reason_of(error)
    return None


def reset_by_link(
    callers: Callers, admin: Account, account: Account, address: str, password: str = PASSWORD
) -> None:
    """Sets the account's password with a password link, which its holder opens at `address`."""
    request = pb.CreatePasswordLinkRequest(user_id=account.id)
    link = callers.gateway.CreatePasswordLink(request, metadata=admin.bearer)
    reset = pb.ResetPasswordRequest(ticket=link.url.rpartition("/")[2], new_password=password)
    callers.gateway.ResetPassword(reset, metadata=from_address(address))


def entries(database: Database) -> list[tuple[str, str, str]]:
    log = audit.log.c
    with database.reading() as connection:
        rows = connection.execute(select(log.action, log.outcome, log.details).order_by(log.id))
        return [(row.action, row.outcome, json.dumps(row.details)) for row in rows]
