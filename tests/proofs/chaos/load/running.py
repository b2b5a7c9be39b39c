"""The whole load: its threads, from the start until every thread has finished."""

import contextlib
import random
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from deploy.local.stack import LocalStack
from tests.proofs.chaos.load.collecting import collect
from tests.proofs.chaos.load.logging_in import LoggingIn
from tests.proofs.chaos.load.member import Member
from tests.proofs.chaos.load.supplying import CodeSupply
from tests.proofs.chaos.record import Record
from tests.support.direct_calls import channels
from tests.support.gateway_calls import GatewayCaller
from tests.support.phone_hands import PhoneHands
from tests.support.ready_accounts import ReadyAccounts

COLLECTOR = "collector"
# Pause between two actions of a member, so that an unavailable service is not overloaded.
PAUSE_SECONDS = 0.1


class Load:
    """Members, admin and collector on threads of their own, as long as the block lasts.

    What each of them does follows from the seed; how they meet does not. A thread that fails is a sighting.
    """

    def __init__(
        self,
        stack: LocalStack,
        accounts: ReadyAccounts,
        record: Record,
        *,
        members: int,
        seed: int,
        password: str,
        live: Callable[[Member], None] | None = None,
    ) -> None:
        """`live` is what each member does, once; without it they do whatever comes to mind until the end."""
        emulator = stack.wechat_emulator
        if emulator is None:
            raise LookupError("the stack has no emulated WeChat")
        self._stack = stack
        self._record = record
        self._stopping = threading.Event()
        self._held = contextlib.ExitStack()
        self._hands = PhoneHands(emulator)
        [admin] = accounts.make(1, role="admin")
        self._admin = GatewayCaller(stack.gateway_url, admin.token)
        self._supply = CodeSupply(record, random.Random(f"{seed} admin"))
        logging_in = LoggingIn(record, stack.gateway_url, self._hands)
        self.members = [
            Member(
                record,
                stack.gateway_url,
                accounts,
                admin.token,
                self._supply,
                logging_in,
                random.Random(f"{seed} member {number}"),
                password,
            )
            for number in range(members)
        ]
        self._seed = seed
        self._live = live or self._go_on
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._held.enter_context(self._hands)
        self._held.enter_context(self._admin)
        for number, member in enumerate(self.members):
            self._held.callback(member.close)
            self._begin(f"member-{number}", lambda one=member: self._live(one))  # type: ignore[misc]
        self._begin("admin", lambda: self._supply.refill(self._admin, self._stopping))
        for channel in self._held.enter_context(channels(self._stack, "wechat_cookie", 2, COLLECTOR)):
            chance = random.Random(f"{self._seed} collector {len(self._threads)}")
            self._begin(COLLECTOR, lambda c=channel, r=chance: collect(self._record, c, r, self._stopping))  # type: ignore[misc]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._held.close()

    def join_members(self) -> None:
        """Returns when every member has done what `live` says."""
        for thread in self._threads[: len(self.members)]:
            thread.join()

    def _go_on(self, member: Member) -> None:
        while not self._stopping.wait(PAUSE_SECONDS):
            member.step()

    def _begin(self, name: str, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except Exception as error:
                self._record.saw(f"{name} could not go on: {error!r}")
                raise

        thread = threading.Thread(target=run, name=name)
        self._threads.append(thread)
        thread.start()
