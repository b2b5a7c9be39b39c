"""Sends messages through channels of any kind."""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from services.notifications.sending import apprise_kinds, webhook
from services.notifications.sending.exchange import Exchanges
from services.notifications.sending.mail import Mailer
from services.notifications.sending.messages import Message

WEBHOOK = "webhook"
MAILTO = "mailto"
KINDS = (WEBHOOK, MAILTO, *apprise_kinds.HOSTS)


@dataclass(frozen=True)
class Target:
    """Where a channel leads. `keys` are a webhook's secrets, each of which signs."""

    kind: str
    address: str = field(repr=False)
    keys: Sequence[str] = field(default=(), repr=False)


@dataclass(frozen=True)
class Sender:
    """Sends messages. Thread-safe. `now` returns an aware datetime."""

    exchanges: Exchanges
    mailer: Mailer
    now: Callable[[], datetime.datetime]

    def send(self, target: Target, message: Message) -> None:
        """Sends a message, within about ten seconds. Raises SendingError if it was not delivered."""
        if target.kind == WEBHOOK:
            webhook.send(self.exchanges, target.address, target.keys, message, self.now())
        elif target.kind == MAILTO:
            self.mailer.send(target.address, message)
        else:
            apprise_kinds.send(self.exchanges, target.kind, target.address, message)
