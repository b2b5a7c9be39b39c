"""The accounts of a source, and whose codes its rows name."""

import datetime
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from services.chassis.identity.statuses import ROLES, STATUSES
from services.chassis.importing import values
from services.chassis.importing.codes import SourceCode
from services.chassis.importing.report import Report
from services.chassis.importing.source import Row, Source
from services.chassis.importing.values import LeftOutError
from services.chassis.violations import InvalidValueError
from services.identity.accounts.emails import checked_email, email_key
from services.identity.passwords.hashes import UnusableHashError, check_usable

INVALID_EMAIL = "INVALID_EMAIL"
EMAIL_TAKEN = "EMAIL_TAKEN"
UNUSABLE_HASH = "UNUSABLE_HASH"

TABLE = "accounts"
_REQUIRED = ("id", "email", "password_hash", "role", "activation_status", "expired_time")
_OPTIONAL = ("activation_code", "created_at")


@dataclass(frozen=True)
class SourceAccount:
    """An account with valid values. `redeemed` are the codes that it redeemed, `activation_code` is among them."""

    id: uuid.UUID
    email: str
    key: str
    password_hash: str = field(repr=False)
    role: str
    activation_status: str
    expired_time: datetime.datetime | None
    activation_code: str | None = field(repr=False)
    created_at: datetime.datetime | None
    redeemed: Sequence[SourceCode] = field(default=(), repr=False)


class SourceAccounts:
    """The valid accounts by e-mail. Of two with one address, in two spellings, the one created first counts."""

    def __init__(self, source: Source, report: Report) -> None:
        """Reads them; the others are left out in the report. Raises SourceError."""
        self._by_key: dict[str, SourceAccount] = {}
        # None for an account that was left out: another one with the same address in another spelling is not it.
        self._by_email: dict[str, SourceAccount | None] = {}
        found = []
        for row in source.rows(TABLE, _REQUIRED, _OPTIONAL):
            self._by_email[row["email"] or ""] = None
            with report.checking(row["id"]):
                found.append(_account(row))
        found.sort(key=lambda account: account.created_at or _LATEST)
        for account in found:
            with report.checking(account.id):
                if account.key in self._by_key:
                    raise LeftOutError(EMAIL_TAKEN)
                self._by_key[account.key] = self._by_email[account.email] = account

    def owner(self, email: str) -> SourceAccount | None:
        """Returns the account that a row names by e-mail, or None if there is none, or it was left out."""
        if email in self._by_email:
            return self._by_email[email]
        return self._by_key.get(email_key(email))

    def with_codes(self, codes: Iterable[SourceCode]) -> list[SourceAccount]:
        """Returns the accounts, each with the codes that it redeemed."""
        redeemed: dict[uuid.UUID, list[SourceCode]] = {}
        for code in codes:
            owner = self.owner(code.redemption.user_email) if code.redemption else None
            if owner is not None:
                redeemed.setdefault(owner.id, []).append(code)
        return [_with_codes(account, redeemed.get(account.id, [])) for account in self._by_key.values()]


_LATEST = datetime.datetime.max.replace(tzinfo=datetime.UTC)


def _account(row: Row) -> SourceAccount:
    id_ = values.identifier(row["id"])
    email, password_hash = row["email"] or "", row["password_hash"] or ""
    try:
        checked_email(email)
    except InvalidValueError:
        raise LeftOutError(INVALID_EMAIL) from None
    try:
        check_usable(password_hash)
    except UnusableHashError:
        raise LeftOutError(UNUSABLE_HASH) from None
    return SourceAccount(
        id_,
        email,
        email_key(email),
        password_hash,
        values.choice(row["role"], ROLES, values.UNKNOWN_ROLE),
        values.choice(row["activation_status"], STATUSES, values.UNKNOWN_STATUS),
        values.time(row["expired_time"]),
        (row["activation_code"] or "").strip().lower() or None,
        values.time(row["created_at"]),
    )


def _with_codes(account: SourceAccount, redeemed: Sequence[SourceCode]) -> SourceAccount:
    carried = account.activation_code
    # Another account's code, or one that does not exist, cannot be the reason of its access.
    is_own = any(code.activation_code == carried for code in redeemed)
    return replace(account, redeemed=redeemed, activation_code=carried if is_own else None)
