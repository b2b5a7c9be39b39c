"""The admin: makes codes in batches, as often as needed until the answer is there, and members take them."""

import random
import secrets
import threading
from collections import deque

from tests.proofs.chaos.record import Outcome, Record, outcome_of
from tests.support.gateway_calls import GatewayCaller

BATCH = 20
LOW = 60
DAYS = (1, 30, 365)
CONTESTED = 0.3
PAUSE_SECONDS = 0.3


class CodeSupply:
    """Codes for members: fresh ones, and some that another member has been given as well."""

    def __init__(self, record: Record, chance: random.Random) -> None:
        self._record = record
        self._chance = chance
        self._lock = threading.Lock()
        self._fresh: deque[str] = deque()
        self._given: deque[str] = deque(maxlen=20)

    def take(self, chance: random.Random) -> str | None:
        """A code to redeem, often an unused one; None if there is none at the moment."""
        if chance.random() < CONTESTED and (code := self.take_contested(chance)) is not None:
            return code
        return self.take_fresh()

    def take_contested(self, chance: random.Random) -> str | None:
        """A code that has been taken before."""
        with self._lock:
            return chance.choice(self._given) if self._given else None

    def take_fresh(self) -> str | None:
        """An unused code."""
        with self._lock:
            if not self._fresh:
                return None
            code = self._fresh.popleft()
            self._given.append(code)
            return code

    def wait_for_fresh(self, count: int) -> list[str]:
        """Unused codes, as soon as there are `count`."""
        codes: list[str] = []
        while len(codes) < count:
            code = self.take_fresh()
            if code is None:
                threading.Event().wait(PAUSE_SECONDS)
            else:
                codes.append(code)
        return codes

    def forget(self, code: str) -> None:
        """The code is being deleted: no other member is given it."""
        with self._lock:
            if code in self._given:
                self._given.remove(code)

    def refill(self, admin: GatewayCaller, stopping: threading.Event) -> None:
        """Keeps some codes ready until `stopping` is set, and repeats the last batch until it is answered."""
        while not stopping.is_set():
            if len(self._fresh) < LOW:
                self._make(admin)
            stopping.wait(PAUSE_SECONDS)

    def _make(self, admin: GatewayCaller) -> None:
        """One batch. The request_id makes it one, however often it is asked for."""
        days = self._chance.choice(DAYS)
        wanted: dict[str, str | int] = {
            "valid_days": days,
            "count": BATCH,
            "request_id": secrets.token_hex(16),
        }
        while True:
            answer = admin.post("/activation/generate", **wanted)
            outcome = self._record.count("generate", outcome_of(answer))
            if outcome is Outcome.YES:
                break
            if outcome is Outcome.NO and answer.reason != "CONFLICT":
                self._record.saw(f"a batch of codes was refused: {answer}")
                return
            threading.Event().wait(PAUSE_SECONDS)
        codes = [str(code["activation_code"]) for code in answer.body["codes"]]
        repeat = admin.post("/activation/generate", **wanted)
        if repeat.ok and repeat.body != answer.body:
            self._record.saw("a repeated request_id made other codes")
        self._record.add_codes(codes)
        with self._lock:
            self._fresh.extend(codes)
