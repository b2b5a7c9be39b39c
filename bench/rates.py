"""A product call's rate beside its ceiling's, as one line of the table."""

from collections.abc import Sequence

from bench.load.driving import Run
from bench.measurement import Result, Target, median


def rate_result(
    number: int, what: str, measured: Sequence[Run], ceiling: Sequence[Run], target: Target
) -> Result:
    """The result whose ratio is that of the medians of calls a second.

    The detail tells how much CPU a call costs each of the servers, which the machine's other work disturbs less,
    and how busy they were: a server that is not has been held up by something else.
    """
    ours, theirs = (median([run.cpu_microseconds for run in runs]) for runs in (measured, ceiling))
    detail = (
        f"{ours:.0f} µs of CPU a call beside {theirs:.0f} µs ({theirs / ours:.2f}); "
        f"the servers used {100 * median([run.busy for run in measured]):.0f} % and "
        f"{100 * median([run.busy for run in ceiling]):.0f} % of a core"
    )
    rates = [median([run.per_second for run in runs]) for runs in (measured, ceiling)]
    return Result(number, what, rates[0], rates[1], "calls/s", target, detail)
