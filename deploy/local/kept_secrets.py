"""Secrets that the local stack generates once and keeps in its state directory."""

import json
import secrets
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Self

from cryptography.fernet import Fernet

from deploy.local.errors import LocalStackError
from deploy.local.private_files import write_private

READABLE_BY_OTHERS = 0o077
# Secrets that the files of earlier releases lack; they are generated when such a file is loaded.
ADDED_LATER = frozenset(
    {"totp_keys", "notification_keys", "notifications_database_password", "notifications_audit_key"}
)


@dataclass(frozen=True)
class KeptSecrets:
    """The secrets of one stack, 256 random bits each. They are never printed or logged."""

    jwt_secret: str = field(repr=False)
    cookie_keys: str = field(repr=False)
    postgres_password: str = field(repr=False)
    identity_database_password: str = field(repr=False)
    activation_database_password: str = field(repr=False)
    wechat_cookie_database_password: str = field(repr=False)
    notifications_database_password: str = field(repr=False)
    identity_audit_key: str = field(repr=False)
    activation_audit_key: str = field(repr=False)
    wechat_cookie_audit_key: str = field(repr=False)
    notifications_audit_key: str = field(repr=False)
    totp_keys: str = field(repr=False)
    notification_keys: str = field(repr=False)

    @classmethod
    def new(cls) -> Self:
        """Generates new secrets."""
        random = (one.name for one in fields(cls) if one.name.endswith(("password", "audit_key")))
        others = {name: secrets.token_hex(32) for name in random}
        return cls(
            jwt_secret=secrets.token_urlsafe(32),
            cookie_keys=Fernet.generate_key().decode(),
            totp_keys=Fernet.generate_key().decode(),
            notification_keys=Fernet.generate_key().decode(),
            **others,
        )

    def database_password(self, service: str) -> str:
        """Returns the password of the role `service` on the embedded PostgreSQL."""
        return str(getattr(self, f"{service}_database_password"))

    def audit_key(self, service: str) -> str:
        """Returns the key of the service's audit log."""
        return str(getattr(self, f"{service}_audit_key"))


def load_or_make(path: Path, *, needed_by: Path) -> KeptSecrets:
    """Returns the secrets in `path`; generates them if the file does not exist, and those that it lacks.

    `needed_by` is the data that cannot be read without the secrets. Raises LocalStackError if it exists and the
    file does not, or if the file is damaged or open to other users.
    """
    if not path.exists():
        if needed_by.exists():
            raise LocalStackError(f"{path} is missing, and without it {needed_by} cannot be opened")
        made = KeptSecrets.new()
        keep(path, made)
        return made
    kept = read_kept(path)
    if ADDED_LATER & json.loads(path.read_bytes()).keys() != ADDED_LATER:
        keep(path, kept)
    return kept


def keep(path: Path, kept: KeptSecrets) -> None:
    """Writes the secrets to `path`, atomically."""
    write_private(path, json.dumps(asdict(kept), indent=1).encode())


def read_kept(path: Path) -> KeptSecrets:
    """Returns the secrets in `path`. Raises LocalStackError if the file is damaged or open to other users."""
    if path.stat().st_mode & READABLE_BY_OTHERS:
        raise LocalStackError(f"{path} can be read by others; close it with: chmod 600 {path}")
    try:
        content = json.loads(path.read_bytes())
        new = asdict(KeptSecrets.new())
        content = {**{name: new[name] for name in ADDED_LATER}, **content}
        return KeptSecrets(**{one.name: str(content[one.name]) for one in fields(KeptSecrets)})
    except (OSError, ValueError, KeyError, TypeError):
        # The cause may quote the file's content, so it must not be in the message or the traceback.
        raise LocalStackError(f"{path} is damaged or cannot be read") from None
