"""Why a message was not delivered. The reasons are part of the API; see Delivery.error."""

import datetime
from dataclasses import dataclass
from typing import ClassVar


class SendingError(Exception):
    """A message was not delivered. `reason` is stored and shown to the channel's owner."""

    reason: ClassVar[str] = "BAD_ANSWER"
    # Whether the receiver wants no message any more.
    is_final: ClassVar[bool] = False

    @property
    def shown(self) -> str:
        """The reason as it is stored."""
        return self.reason

    @property
    def retry_after(self) -> datetime.timedelta | None:
        """The time for which the receiver wants no further attempt; None if it does not say."""
        return None


class AddressNotAllowedError(SendingError):
    """The receiver's address is not a public one."""

    reason = "ADDRESS_NOT_ALLOWED"


class NameNotFoundError(SendingError):
    """The receiver's name has no address."""

    reason = "NAME_NOT_FOUND"


class ConnectionFailedError(SendingError):
    """No connection, or it was lost."""

    reason = "CONNECTION_FAILED"


class TlsFailedError(SendingError):
    """No TLS, for example because the certificate is not valid for the name."""

    reason = "TLS_FAILED"


class SendingTimeoutError(SendingError):
    """No answer in time."""

    reason = "TIMEOUT"


class BadAnswerError(SendingError):
    """The answer is not HTTP."""

    reason = "BAD_ANSWER"


class RefusedByServiceError(SendingError):
    """The service of an Apprise kind has refused the message, or does not know the token."""

    reason = "REFUSED_BY_SERVICE"


class MailUnavailableError(SendingError):
    """There is no SMTP server, or it does not answer."""

    reason = "MAIL_UNAVAILABLE"


class MailRefusedError(SendingError):
    """The SMTP server refuses the message or its receiver."""

    reason = "MAIL_REFUSED"


class SecretUnreadableError(SendingError):
    """No key decrypts the channel's address; a key is missing in the settings."""

    reason = "SECRET_UNREADABLE"


@dataclass(eq=False)
class StatusError(SendingError):
    """An HTTP status other than 2xx. `wait` is the answer's Retry-After."""

    status: int
    wait: datetime.timedelta | None = None

    @property
    def is_final(self) -> bool:  # type: ignore[override]
        """410: the receiver is gone."""
        return self.status == GONE

    @property
    def shown(self) -> str:
        """HTTP_404 and the like; redirects are not followed."""
        return "REDIRECT" if self.status in REDIRECTS else f"HTTP_{self.status}"

    @property
    def retry_after(self) -> datetime.timedelta | None:
        return self.wait


GONE = 410
REDIRECTS = range(300, 400)
