"""Carries a schedule out on a stack, and makes good again what it did."""

import contextlib
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import cast

from deploy.local.errors import LocalStackError
from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from deploy.wechat_emulator.fault_spec import Fault, FaultKind
from tests.proofs.chaos.schedule import PRIMARY, Disturbance, Kind
from tests.proofs.failover.cluster import Fault as PrimaryFault
from tests.proofs.failover.cluster import PatroniCluster

AT_ONCE = 8
DELAY_SECONDS = 3.0
_FAULTS = {
    Kind.KILL: PrimaryFault.KILL,
    Kind.FREEZE: PrimaryFault.STOP,
    Kind.CUT: PrimaryFault.CUT,
}


class Disturbances:
    """The disturbances of one run. Those of one process wait for each other."""

    def __init__(
        self, stack: LocalStack, report: Callable[[str], None], cluster: PatroniCluster | None = None
    ) -> None:
        self._stack = stack
        self._cluster = cluster
        self._report = report
        self._turn: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self.carried_out = 0

    def run(self, planned: list[Disturbance]) -> list[str]:
        """Returns when all are made good again. Gives what could not be."""
        began, pause = time.monotonic(), threading.Event()
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="disturbing") as pool:
            running: list[Future[str | None]] = []
            for disturbance in planned:
                pause.wait(max(0.0, began + disturbance.at - time.monotonic()))
                self._report(str(disturbance))
                running.append(pool.submit(self._carry_out, disturbance))
            return [failure for one in running if (failure := one.result()) is not None]

    def _carry_out(self, disturbance: Disturbance) -> str | None:
        key = "upstream" if disturbance.kind is Kind.UPSTREAM else disturbance.target
        with self._turn[key]:
            try:
                with self._effect(disturbance):
                    threading.Event().wait(disturbance.seconds)
            except LocalStackError as error:
                return f"{disturbance.target} did not come back: {error}"
        self.carried_out += 1
        return None

    def _effect(self, disturbance: Disturbance) -> contextlib.AbstractContextManager[None]:
        if disturbance.target == PRIMARY:
            return self._without_primary(_FAULTS[disturbance.kind])
        match disturbance.kind:
            case Kind.CUT:
                raise ValueError("only the primary's host can be cut off")
            case Kind.UPSTREAM:
                return self._upstream(disturbance.target)
            case Kind.FREEZE:
                return self._frozen(disturbance.target)
            case Kind.KILL:
                return self._away(disturbance.target, self._stack.process(disturbance.target).kill)
            case Kind.STOP:
                return self._away(disturbance.target, self._stack.process(disturbance.target).stop)

    @contextlib.contextmanager
    def _without_primary(self, fault: PrimaryFault) -> Iterator[None]:
        if self._cluster is None:
            raise LocalStackError("the stack's database does not fail over")
        # Two faults in a row would leave no host with everything that was acknowledged.
        self._cluster.wait_until_redundant()
        with self._cluster.without_primary(fault):
            yield

    @contextlib.contextmanager
    def _away(self, name: str, end: Callable[[], None]) -> Iterator[None]:
        end()
        yield
        self._stack.restart(name)

    @contextlib.contextmanager
    def _frozen(self, name: str) -> Iterator[None]:
        process = self._stack.process(name)
        process.send_signal_to_group(signal.SIGSTOP)
        yield
        process.send_signal_to_group(signal.SIGCONT)

    @contextlib.contextmanager
    def _upstream(self, kind: str) -> Iterator[None]:
        emulator = self._stack.wechat_emulator
        if emulator is None:
            raise LocalStackError("the stack has no emulated WeChat")
        fault = Fault("/cgi-bin/*", cast("FaultKind", kind), seconds=DELAY_SECONDS, body="upstream trouble")
        with EmulatorControl(emulator.base_url, emulator.control_token, str(emulator.ca_file)) as control:
            control.add_fault(fault)
            yield
            control.clear_faults()
