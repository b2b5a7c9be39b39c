"""What Identity's import passes to those of Activation and WeChatCookie: whose codes and cookies are imported."""

import json
import uuid
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

from services.chassis.importing.source import SourceError


@dataclass(frozen=True)
class Handover:
    """The accounts that exist in Identity, by each e-mail with which the source's codes and cookies name them.

    `redeemed_codes` are those of the source's redeemed codes that Identity knows as applied to these accounts.
    """

    accounts: Mapping[str, uuid.UUID]
    redeemed_codes: Set[str] = field(repr=False)

    def write(self, path: Path) -> None:
        """Writes it, readable only by the owner. Raises SourceError."""
        content = {
            "accounts": {email: str(account_id) for email, account_id in self.accounts.items()},
            "redeemed_codes": sorted(self.redeemed_codes),
        }
        try:
            path.unlink(missing_ok=True)
            path.touch(mode=0o600, exist_ok=False)
            path.write_text(json.dumps(content), encoding="utf-8")
        except OSError as error:
            raise SourceError(f"{path} (IMPORT_HANDOVER_FILE): {error.strerror}") from None

    @classmethod
    def read(cls, path: Path) -> "Handover":
        """Returns what write() wrote. Raises SourceError if Identity's import has not left it there."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            accounts = {email: uuid.UUID(text) for email, text in content["accounts"].items()}
            return cls(accounts, frozenset(content["redeemed_codes"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise SourceError(f"{path} (IMPORT_HANDOVER_FILE): run Identity's import first") from None
