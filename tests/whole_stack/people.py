"""Accounts in every state, and the tokens that they and their forgers come with."""

import base64
import datetime
import json
import secrets
import uuid
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import jwt
import requests

from deploy.local.stack import LocalStack

PASSWORD = "a password of the tests"
TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Person:
    """An account and a token of it that works."""

    id: str
    email: str
    token: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


class People:
    """Makes accounts through the gateway and tokens with the stack's own key, or with others."""

    def __init__(self, stack: LocalStack, jwt_secret: str) -> None:
        self._stack = stack
        self._secret = jwt_secret
        self._session = requests.Session()
        self._admin: Person | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def rest(self, method: str, path: str, person: Person | None = None, **options: Any) -> requests.Response:
        """One call at the gateway."""
        headers = {**(person.headers if person else {}), **options.pop("headers", {})}
        url = self._stack.gateway_url + path
        return self._session.request(method, url, headers=headers, timeout=TIMEOUT_SECONDS, **options)

    @property
    def admin(self) -> Person:
        """The stack's first admin."""
        if self._admin is None:
            made, password = self._stack.first_admin, self._stack.settings.admin_password
            assert made is not None
            assert password is not None
            body = {"email": made.email, "password": password.get_secret_value()}
            token = self._ok("POST", "/auth/login", json=body)["access_token"]
            account = self._ok("GET", "/auth/me", headers={"Authorization": f"Bearer {token}"})
            self._admin = Person(account["id"], account["email"], token)
        return self._admin

    def pending(self, email: str | None = None) -> Person:
        """A new account that has not redeemed a code."""
        email = email or f"{secrets.token_hex(8)}@example.com"
        account = self._ok("POST", "/auth/register", json={"email": email, "password": PASSWORD})
        return Person(account["id"], email, self.token(account["id"]))

    def active(self, email: str | None = None) -> Person:
        """A new account with a redeemed code."""
        person = self.pending(email)
        code = self.codes(1)[0]
        self._ok("POST", "/activation/activate", person, json={"activation_code": code})
        return person

    def past_its_days(self) -> Person:
        """A new account whose days are over."""
        person = self.active()
        yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
        self.update(person, expired_time=yesterday.isoformat())
        return person

    def another_admin(self) -> Person:
        """A new account with the role admin."""
        person = self.pending()
        self.update(person, role="admin")
        return person

    def update(self, person: Person, **fields: str) -> None:
        """Changes an account as an admin does."""
        self._ok("PUT", f"/admin/users/{person.id}", self.admin, json=fields)

    def codes(self, count: int, valid_days: int = 30) -> list[str]:
        """New activation codes."""
        body = {"valid_days": valid_days, "count": count}
        made = self._ok("POST", "/activation/generate", self.admin, json=body)["codes"]
        return [code["activation_code"] for code in made]

    def token(self, account_id: str, key: str | None = None, age_seconds: int = 0, life: int = 3600) -> str:
        """A token as Identity makes them; of another key, or one that has ended, on demand."""
        issued = int(datetime.datetime.now(datetime.UTC).timestamp()) - age_seconds
        subject = base64.urlsafe_b64encode(uuid.UUID(account_id).bytes).decode().rstrip("=")
        claims = {"sub": subject, "iat": issued, "exp": issued + life}
        return jwt.encode(claims, key or self._secret, "HS256", headers={"typ": None})

    def unsigned_token(self, account_id: str) -> str:
        """A token that claims to need no signature."""
        _, claims, _ = self.token(account_id).split(".")
        header = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).decode().rstrip("=")
        return f"{header}.{claims}."

    def _ok(self, method: str, path: str, person: Person | None = None, **options: Any) -> dict[str, Any]:
        answer = self.rest(method, path, person, **options)
        assert answer.ok, answer.text
        body: dict[str, Any] = answer.json()
        return body
