"""Limits of data calls. Not in budget.py, so that the settings do not import it."""

import datetime
import random
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class BudgetLimits:
    """The data calls of a cookie in any hour, and the seconds between two: up to as many again at random."""

    requests_per_hour: int = 60
    spacing_seconds: float = 3.0

    def spacing(self, randomness: random.Random) -> datetime.timedelta:
        """Returns the pause after a call."""
        return datetime.timedelta(seconds=self.spacing_seconds * randomness.uniform(1, 2))
