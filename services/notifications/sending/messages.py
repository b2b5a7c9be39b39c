"""The message that is sent, whatever the way."""

import datetime
from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    """A notification in the language of a channel. `id` is the same in each attempt, so repeats can be dropped."""

    id: str
    kind: str
    subject_id: str
    title: str
    text: str
    link: str | None
    time: datetime.datetime
