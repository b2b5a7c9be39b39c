"""The e-mails of the accounts in a list, such as the audit log's actors, looked up when it is read."""

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence

import structlog
from sqlalchemy import RowMapping

from services.chassis.errors import DomainError
from services.chassis.identity.client import IdentityClient

_log = structlog.get_logger(__name__)

# If Identity takes longer, the list is returned without e-mails.
MOST_SECONDS = 2.0

# Returns the e-mails of the accounts that exist among the ids given, by id. May raise DomainError.
Emails = Callable[[Sequence[str]], Mapping[str, str]]


def emails_of_actors(entries: Collection[RowMapping], emails: Emails) -> Mapping[str, str]:
    """Returns the e-mails of the accounts that are actors of `entries`, by id.

    As known_emails() does.
    """
    return known_emails({entry["actor"] for entry in entries if _is_account(entry["actor"])}, emails)


def known_emails(ids: Collection[str], emails: Emails) -> Mapping[str, str]:
    """Returns the e-mails of the accounts, by id.

    Those of deleted accounts are missing. If `emails` raises DomainError, all are.
    """
    if not ids:
        return {}
    try:
        return emails(sorted(ids))
    except DomainError as error:
        _log.warning("answer_without_emails", reason=error.reason)
        return {}


def emails_from(identity: IdentityClient) -> Emails:
    """Returns a lookup that calls Identity."""

    def emails(ids: Sequence[str]) -> Mapping[str, str]:
        found = identity.principals(ids, most_seconds=MOST_SECONDS)
        return {account_id: principal.email for account_id, principal in found.items()}

    return emails


def _is_account(actor: str) -> bool:
    # Other actors are "service:" with a name, or empty.
    try:
        return str(uuid.UUID(actor)) == actor
    except ValueError:
        return False
