"""The rate of a call compared with that of its ceiling, as one line of the table."""

from collections.abc import Sequence

from bench.load.driving import Run
from bench.measurement import Result, Target, median


def rate_result(
    number: int, what: str, measured: Sequence[Run], ceiling: Sequence[Run], target: Target
) -> Result:
    """Returns the result whose ratio is that of the median calls a second.

    The detail has the CPU time of a call in both servers, which depends less on the machine's other work, and how
    busy the servers were: if a server was not, something else was the bottleneck.
    """
    ours, theirs = (median([run.cpu_microseconds for run in runs]) for runs in (measured, ceiling))
    detail = (
        f"{ours:.0f} µs of CPU a call beside {theirs:.0f} µs ({theirs / ours:.2f}); "
        f"the servers used {100 * median([run.busy for run in measured]):.0f} % and "
        f"{100 * median([run.busy for run in ceiling]):.0f} % of a core"
    )
    rates = [median([run.per_second for run in runs]) for runs in (measured, ceiling)]
    return Result(number, what, rates[0], rates[1], "calls/s", target, detail)
