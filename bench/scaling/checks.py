"""The simulation of one machine against what was measured on one (docs/performance.md)."""

from dataclasses import dataclass

from bench.scaling import costs, scenarios


@dataclass(frozen=True)
class Check:
    """A figure, measured and simulated. `row` is how docs/performance.md has the measured one."""

    name: str
    unit: str
    measured: float
    simulated: float
    row: str

    @property
    def difference(self) -> float:
        """The simulated figure's difference from the measured one, as a share of that."""
        return self.simulated / self.measured - 1


# Most of a difference between two runs of `make bench` is up to a tenth; a model leaves out as much again.
TOLERANCE = 0.2


def checks() -> list[Check]:
    """Returns all comparisons."""
    pending = scenarios.pending(1000)
    one, two = scenarios.sign_ins_a_second(1, 1, 4), scenarios.sign_ins_a_second(2, 1, 8)
    return [
        Check("1,000 pending logins, CPU", "cores", 0.39, pending.cores, "0.39 cores"),
        Check("gap between two polls, p99", "s", 1.83, pending.gap_p99, "1.83 s;"),
        Check("tap to event, p99", "s", 1.79, pending.tap_p99, "; 1.79 s"),
        Check("Login, of the hash alone", "", 0.97, one * costs.HASH, "0.97 of the hash alone"),
        Check("Login on two replicas, of one", "", 1.99, two / one, "1.99; 1.04"),
        Check("Activate alone", "ms", 22, 1e3 / scenarios.redemptions_a_second(1), "19 and 22 ms"),
        Check(
            "Activate, 16 callers", "a second", 95, scenarios.redemptions_a_second(16), "95 and 85 a second"
        ),
    ]
