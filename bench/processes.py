"""CPU affinity, CPU time and memory of processes and process trees."""

import contextlib
import os
from collections.abc import Iterable

import psutil


def pin(pid: int, cores: Iterable[int]) -> None:
    """Pins every thread of the process and its descendants to `cores`; new threads inherit it."""
    wanted = set(cores)
    for process in _tree(pid):
        for thread in _threads(process):
            # A thread may have ended meanwhile.
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(thread, wanted)


def cpu_seconds(pid: int) -> float:
    """Returns the CPU time of the process so far, in user and kernel mode, without its children."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def tree_cpu_seconds(pid: int) -> float:
    """Returns the CPU time of the process and its running descendants, for servers that fork (PostgreSQL)."""
    total = 0.0
    for process in _tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += cpu_seconds(process.pid)
    return total


def memory_bytes(pid: int) -> int:
    """Returns the process's unique set size: the memory that would be freed if it ended."""
    return int(psutil.Process(pid).memory_full_info().uss)


def tree_shared_fairly_bytes(pid: int) -> int:
    """Returns the proportional set size of the process and its descendants: shared memory counts in part."""
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
