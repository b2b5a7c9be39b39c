"""The secrets that are encrypted with COOKIE_KEYS, and their re-encryption with the first key."""

from services.chassis import key_rotation
from services.chassis.key_rotation import EncryptedColumn, Rotated
from services.chassis.postgres.database import Database
from services.chassis.vault import Vault
from services.wechat_cookie.cookies.tables import cookies, pending_logouts
from services.wechat_cookie.logins.rules.state import logged_id
from services.wechat_cookie.logins.store.tables import logins

ENCRYPTED = (
    EncryptedColumn(cookies.c.id, cookies.c.jar),
    EncryptedColumn(logins.c.id, logins.c.cookies),
    EncryptedColumn(pending_logouts.c.id, pending_logouts.c.jar),
)


def rotate(database: Database, vault: Vault) -> Rotated:
    """Re-encrypts them, see key_rotation.rotate()."""
    return key_rotation.rotate(database, vault, ENCRYPTED, _logged)


def _logged(key: object) -> str:
    # A text key is a secret login_key; the others are not secret.
    return logged_id(key) if isinstance(key, str) else str(key)
