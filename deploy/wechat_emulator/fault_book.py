"""The active faults, and the choice of a fault for a request."""

from collections import Counter
from dataclasses import replace
from fnmatch import fnmatchcase

from deploy.wechat_emulator.fault_spec import Fault


class FaultBook:
    """The active faults, newest first, with a count of those carried out."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self.carried_out: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return bool(self._faults)

    def add(self, fault: Fault) -> None:
        """Adds a fault, which takes precedence over earlier ones."""
        self._faults.insert(0, fault)

    def clear(self) -> None:
        """Removes all faults; the counts are kept."""
        self._faults.clear()

    def all(self) -> list[Fault]:
        """Returns the active faults, with the number of times left."""
        return list(self._faults)

    def take(self, endpoint: str, path: str, login: str | None) -> Fault | None:
        """Returns the fault for a request of this endpoint and login (uuid), if any, and counts it as used once."""
        for index, fault in enumerate(self._faults):
            if fault.login not in {None, login}:
                continue
            # fnmatch reads "?" as any one character, which a literal "?" satisfies.
            if not (fnmatchcase(endpoint, fault.endpoint) or fnmatchcase(path, fault.endpoint)):
                continue
            self.carried_out[fault.kind] += 1
            if fault.times == 1:
                del self._faults[index]
            elif fault.times is not None:
                self._faults[index] = replace(fault, times=fault.times - 1)
            return fault
        return None
