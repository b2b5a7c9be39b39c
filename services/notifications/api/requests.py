"""Validation of requests."""

import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from services.chassis.language import Localized
from services.chassis.pages import DEFAULT_PAGE, PageSize, PageToken
from services.chassis.validation import Id, Text, Values, matching
from services.chassis.violations import InvalidValueError, invalid
from services.notifications.channels.administration import Changes
from services.notifications.inbox.kinds import KINDS, PUBLISHED
from services.notifications.inbox.publishing import Event

_NOT_A_KIND = Localized(f"应为以下之一：{'、'.join(KINDS)}", f"must be one of {', '.join(KINDS)}")
_ONE_RECEIVER = Localized("owner_id 和 to_admins 应只给出一个", "give either owner_id or to_admins")
_ALL_EVENTS = Localized("不能与 events 同时使用", "must not be sent together with events")
_NAME = Localized("应为 1 到 40 个字母、数字或下划线", "must be 1 to 40 letters, digits and underscores")
EventId = Annotated[Text, Field(min_length=1, max_length=200)]
EventKind = Annotated[str, matching("|".join(kind.replace(".", r"\.") for kind in KINDS), _NOT_A_KIND)]
Name = Annotated[Text, Field(min_length=1, max_length=100)]
Address = Annotated[Text, Field(min_length=1, max_length=2000)]
Events = Annotated[list[EventKind], Field(max_length=len(KINDS))]
LanguageName = Literal["zh", "en"]
MOST_IDS = 200


class NamedValue(Values):
    """A value of a notification's text."""

    name: Annotated[str, matching("[0-9A-Za-z_]{1,40}", _NAME)]
    value: Annotated[Text, Field(max_length=2000)]


class PublishValues(Values):
    """The values of a PublishRequest."""

    event_id: EventId
    kind: Annotated[str, matching("|".join(kind.replace(".", r"\.") for kind in PUBLISHED), _NOT_A_KIND)]
    owner_id: Id | None = None
    to_admins: bool = False
    subject_id: Annotated[Text, Field(max_length=200)] = ""
    values: Annotated[list[NamedValue], Field(max_length=20)]
    valid_until: datetime.datetime

    @model_validator(mode="after")
    def _names_a_receiver(self) -> Self:
        if (self.owner_id is not None) == self.to_admins:
            raise InvalidValueError(_ONE_RECEIVER)
        return self

    def event(self, publisher: str) -> Event:
        """Returns the event of a publisher."""
        given = {one.name: one.value for one in self.values}
        return Event(
            publisher, self.event_id, self.kind, self.owner_id, self.subject_id, given, self.valid_until
        )


class WithdrawValues(Values):
    """The values of a WithdrawRequest."""

    event_id: EventId


class PageValues(Values):
    """The values of a ListNotificationsRequest."""

    size: PageSize = DEFAULT_PAGE
    page_token: PageToken | None = None


class ListDeliveriesValues(PageValues):
    """The values of a ListDeliveriesRequest."""

    channel_id: Id | None = None


class MarkReadValues(Values):
    """The values of a MarkReadRequest."""

    ids: Annotated[list[Id], Field(max_length=MOST_IDS)]
    all: bool = False


class ChannelValues(Values):
    """The values of requests that contain only a channel."""

    id: Id


class CreateChannelValues(Values):
    """The values of a CreateChannelRequest."""

    kind: Annotated[Text, Field(max_length=40)]
    name: Name
    address: Address
    events: Events
    language: LanguageName | None = None


class UpdateChannelValues(ChannelValues):
    """The values of an UpdateChannelRequest."""

    name: Name | None = None
    address: Address | None = None
    events: Events
    all_events: bool | None = None
    language: LanguageName | None = None
    enabled: bool | None = None
    rotate_secret: bool = False

    @property
    def changes(self) -> Changes:
        """What is to be changed. Raises InvalidArgumentError if events are given together with all_events."""
        if self.all_events and self.events:
            raise invalid("all_events", _ALL_EVENTS)
        events = [] if self.all_events else self.events or None
        return Changes(self.name, self.address, events, self.language, self.enabled, self.rotate_secret)
