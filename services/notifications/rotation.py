"""The secrets that are encrypted with NOTIFICATION_KEYS, and their re-encryption with the first key."""

from services.chassis import key_rotation
from services.chassis.key_rotation import EncryptedColumn, Rotated
from services.chassis.postgres.database import Database
from services.chassis.vault import Vault
from services.notifications.tables import channels

ENCRYPTED = (EncryptedColumn(channels.c.id, channels.c.secrets),)


def rotate(database: Database, vault: Vault) -> Rotated:
    """Re-encrypts them, see key_rotation.rotate()."""
    return key_rotation.rotate(database, vault, ENCRYPTED)
