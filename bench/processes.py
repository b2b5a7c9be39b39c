"""Where processes run and what they use: cores, CPU time and memory, whole process trees at a time."""

import contextlib
import os
from collections.abc import Iterable

import psutil


def pin(pid: int, cores: Iterable[int]) -> None:
    """Lets every thread of the process and of its descendants run on `cores` only; new ones inherit it."""
    wanted = set(cores)
    for process in _tree(pid):
        for thread in _threads(process):
            # A thread that has ended in between needs no core.
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(thread, wanted)


def cpu_seconds(pid: int) -> float:
    """CPU time that the process has used so far, in user and kernel mode, without its children's."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def tree_cpu_seconds(pid: int) -> float:
    """The same of the process and its living descendants, for a server that forks, as PostgreSQL does."""
    total = 0.0
    for process in _tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += cpu_seconds(process.pid)
    return total


def memory_bytes(pid: int) -> int:
    """The process' unique set size: what would be freed if it ended."""
    return int(psutil.Process(pid).memory_full_info().uss)


def tree_shared_fairly_bytes(pid: int) -> int:
    """The proportional set size of the process and its descendants: what they share with others counts in part."""
    total = 0
    for process in _tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += int(process.memory_full_info().pss)
    return total


def _tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def _threads(process: psutil.Process) -> list[int]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [thread.id for thread in process.threads()]
    return []
