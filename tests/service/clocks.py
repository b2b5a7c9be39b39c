"""A clock for replicas that several tests share."""

import datetime
from dataclasses import dataclass, field

from tests.service.identity.replicas import Clock


@dataclass
class CurrentClock:
    """Shows the clock of the test that is running."""

    clock: Clock = field(default_factory=Clock)

    def now(self) -> datetime.datetime:
        return self.clock.now()
