"""E-mail through the SMTP server of the settings."""

import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Literal
from urllib.parse import unquote, urlsplit

from services.notifications.sending.errors import MailRefusedError, MailUnavailableError
from services.notifications.sending.messages import Message

MOST_SECONDS = 10.0
_REFUSED = range(500, 600)


@dataclass(frozen=True)
class SmtpServer:
    """An SMTP server: with TLS from the beginning, by STARTTLS, or without."""

    host: str
    port: int
    security: Literal["smtps", "smtp+starttls", "smtp"]
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> "SmtpServer":
        """Returns the server of smtps://user:password@host:port; smtp+starttls and smtp likewise.

        Raises ValueError.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"smtps", "smtp+starttls", "smtp"} or not parts.hostname or parts.port is None:
            raise ValueError("must be smtps://user:password@host:port, or smtp+starttls:// or smtp://")
        if parts.path not in {"", "/"} or parts.query or parts.fragment:
            raise ValueError("must have nothing after the port")
        user = None if parts.username is None else unquote(parts.username)
        password = None if parts.password is None else unquote(parts.password)
        return cls(parts.hostname, parts.port, parts.scheme, user, password)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Mailer:
    """Sends e-mails from `sender`. `server` is None if there is none. Thread-safe: each e-mail has a connection."""

    server: SmtpServer | None
    sender: str
    context: ssl.SSLContext

    def send(self, address: str, message: Message) -> None:
        """Sends a message. Raises SendingError.

        Its Message-ID is the same in each attempt, by which mail servers drop repeats.
        """
        if self.server is None:
            raise MailUnavailableError
        mail = self._mail(address, message)
        try:
            with self._connected(self.server) as smtp:
                smtp.send_message(mail)
        except smtplib.SMTPResponseException as error:
            raise (MailRefusedError if error.smtp_code in _REFUSED else MailUnavailableError) from None
        except smtplib.SMTPRecipientsRefused:
            raise MailRefusedError from None
        except (smtplib.SMTPException, OSError):
            raise MailUnavailableError from None

    def _mail(self, address: str, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self.sender, address, message.title
        mail["Message-ID"] = f"<{message.id}@{self.sender.rpartition('@')[2].rstrip('>') or 'fastmp'}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content("\n\n".join(part for part in (message.text, message.link) if part))
        return mail

    def _connected(self, server: SmtpServer) -> smtplib.SMTP:
        if server.security == "smtps":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=MOST_SECONDS, context=self.context
            )
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=MOST_SECONDS)
        try:
            if server.security == "smtp+starttls":
                smtp.starttls(context=self.context)
            if server.user is not None:
                smtp.login(server.user, server.password or "")
        except BaseException:
            smtp.close()
            raise
        return smtp
