"""Channels of the calling account: checked, limited in number and rate, and recorded in the audit log."""

import datetime
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from services.chassis.audit.recording import AuditLog, Event
from services.chassis.language import Language
from services.chassis.postgres.database import Database
from services.chassis.throttling.attempts import Attempts, Bucket, bucket_key
from services.chassis.vault import Vault
from services.notifications.channels import channels, targets
from services.notifications.channels.channels import Channel
from services.notifications.channels.errors import (
    ChannelChangesThrottledError,
    ChannelTestsThrottledError,
    MailNotConfiguredError,
)
from services.notifications.channels.running_tests import RunningTests
from services.notifications.channels.targets import Secrets
from services.notifications.inbox import accounts
from services.notifications.inbox.kinds import TEST, TEST_MESSAGE
from services.notifications.sending.addresses import AllowedAddresses
from services.notifications.sending.errors import SendingError
from services.notifications.sending.messages import Message
from services.notifications.sending.sender import MAILTO, WEBHOOK, Sender
from services.notifications.sending.webhook import new_secret

WINDOW = datetime.timedelta(hours=1)
OVERLAP = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Limits:
    """Per account: the number of channels, and the changes and tests within WINDOW."""

    channels: int
    changes: int
    tests: int


@dataclass(frozen=True)
class NewChannel:
    """What a channel is created with."""

    kind: str
    name: str
    address: str
    events: Sequence[str]
    language: Language


@dataclass(frozen=True)
class Created:
    """A channel, and its new secret if the call has made one; it is not shown again."""

    channel: Channel
    secret: str | None = None


@dataclass(frozen=True)
class Changes:
    """The fields that are to be changed; None leaves a field as it is."""

    name: str | None = None
    address: str | None = None
    events: Sequence[str] | None = None
    language: str | None = None
    enabled: bool | None = None
    rotate_secret: bool = False


@dataclass(frozen=True)
class ChannelAdministration:
    """Implements the RPCs of channels. Thread-safe. The window of `attempts` must be WINDOW."""

    database: Database
    vault: Vault
    sender: Sender
    allowed: AllowedAddresses
    attempts: Attempts
    limits: Limits
    audit: AuditLog
    now: Callable[[], datetime.datetime]
    running_tests: RunningTests = field(default_factory=RunningTests)

    def list(self, owner_id: uuid.UUID) -> list[Channel]:
        """Returns the account's channels, oldest first."""
        with self.database.reading() as connection:
            return channels.list_channels(connection, owner_id)

    def get(self, owner_id: uuid.UUID, channel_id: uuid.UUID) -> Channel:
        """Returns a channel of the account. Raises ChannelNotFoundError."""
        with self.database.reading() as connection:
            return channels.get(connection, owner_id, channel_id)

    def create(self, owner_id: uuid.UUID, new: NewChannel) -> Created:
        """Creates a channel. Raises InvalidArgumentError, or an error of channels.errors."""
        targets.check_kind(new.kind)
        if new.kind == MAILTO and self.sender.mailer.server is None:
            raise MailNotConfiguredError
        address, hint = targets.checked_address(new.kind, new.address, self.allowed)
        secret = new_secret() if new.kind == WEBHOOK else None
        channel = Channel(
            id=uuid.uuid4(),
            owner_id=owner_id,
            kind=new.kind,
            name=new.name,
            address_hint=hint,
            events=list(new.events),
            language=new.language.value,
            enabled=True,
            disabled_reason=None,
            previous_secret_until=None,
            last_delivery_time=None,
            last_error=None,
            failing_since=None,
            create_time=self.now(),
            secrets=Secrets(address, () if secret is None else (secret,)).sealed(self.vault),
        )
        with self.database.transaction() as connection:
            # The account is kept from being deleted until the channel is there and is deleted with it.
            accounts.existing(connection, [owner_id])
            channels.create(connection, channel, self.limits.channels)
            self._record(
                connection, owner_id, Event("channel_created", str(channel.id), details=_kind(channel))
            )
        return Created(channel, secret)

    def change(self, owner_id: uuid.UUID, channel_id: uuid.UUID, changes: Changes) -> Created:
        """Changes a channel. Raises InvalidArgumentError, ChannelNotFoundError, ChannelChangesThrottledError."""
        now = self.now()
        with self.database.transaction() as connection:
            before = channels.get(connection, owner_id, channel_id, is_locked=True)
            columns = {
                name: value
                for name in ("name", "events", "language", "enabled")
                if (value := getattr(changes, name)) is not None
            }
            secret = self._secrets(before, changes, columns, now)
            changed = channels.change(connection, owner_id, channel_id, columns, now)
            fields = {"fields": ",".join(sorted(columns))}
            self._record(connection, owner_id, Event("channel_changed", str(channel_id), details=fields))
        return Created(changed, secret)

    def delete(self, owner_id: uuid.UUID, channel_id: uuid.UUID) -> None:
        """Deletes a channel. Raises ChannelNotFoundError, ChannelChangesThrottledError."""
        with self.database.transaction() as connection:
            channels.remove(connection, owner_id, channel_id)
            self._record(connection, owner_id, Event("channel_deleted", str(channel_id)))

    def test(self, owner_id: uuid.UUID, channel_id: uuid.UUID) -> str | None:
        """Sends a test message and returns why it failed, None if it did not.

        Raises ChannelNotFoundError, ChannelTestsThrottledError.
        """
        channel = self.get(owner_id, channel_id)
        bucket = Bucket(bucket_key("test", str(owner_id)), self.limits.tests)
        self.attempts.count((bucket,), ChannelTestsThrottledError)
        language, now = Language(channel.language), self.now()
        message = Message(
            id=f"msg_{uuid.uuid4().hex}",
            kind=TEST,
            subject_id=str(channel_id),
            title=TEST_MESSAGE.title.in_language(language),
            text=TEST_MESSAGE.text.in_language(language),
            link=None,
            time=now,
        )
        try:
            secrets = Secrets.opened(self.vault, channel.secrets)
            with self.running_tests.of(owner_id):
                self.sender.send(secrets.target(channel.kind, channel.previous_secret_until, now), message)
        except SendingError as error:
            return error.shown
        return None

    def _secrets(
        self, before: Channel, changes: Changes, columns: dict[str, object], now: datetime.datetime
    ) -> str | None:
        """Adds the columns of a new address and a new secret, and returns the secret."""
        new_key = new_secret() if changes.rotate_secret and before.kind == WEBHOOK else None
        if changes.address is None and new_key is None:
            return None
        secrets = Secrets.opened(self.vault, before.secrets)
        if changes.address is not None:
            address, columns["address_hint"] = targets.checked_address(
                before.kind, changes.address, self.allowed
            )
            secrets = replace(secrets, address=address)
        if new_key is not None:
            secrets = replace(secrets, keys=(new_key, *secrets.keys[:1]))
            columns["previous_secret_until"] = now + OVERLAP
        columns["secrets"] = secrets.sealed(self.vault)
        return new_key

    def _record(self, connection: Connection, owner_id: uuid.UUID, event: Event) -> None:
        bucket = Bucket(bucket_key("change", str(owner_id)), self.limits.changes)
        self.attempts.count_within(connection, (bucket,), ChannelChangesThrottledError)
        self.audit.record(connection, event)


def _kind(channel: Channel) -> Mapping[str, str]:
    return {"kind": channel.kind}
