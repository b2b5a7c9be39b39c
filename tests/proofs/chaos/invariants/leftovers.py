"""What should not be left: unfinished work, open transactions, dead processes, surprised callers."""

from collections.abc import Iterator

from tests.proofs.chaos.observation import Observation
from tests.proofs.chaos.record import Record


def no_job_left(observation: Observation, _record: Record) -> Iterator[str]:
    """Nothing waits to be carried over to Identity, and nothing was given up."""
    for job in observation.rows["jobs"]:
        yield f"job {job.id} ({job.task_name}) is {job.status}"


def no_transaction_left_open(observation: Observation, _record: Record) -> Iterator[str]:
    """No session sits in a transaction."""
    for session in observation.long_transactions:
        yield f"{session.application_name} is {session.state} for {session.seconds:.0f} s"


def no_process_died_by_itself(_observation: Observation, record: Record) -> Iterator[str]:
    """Only what was killed has died, and everything came back."""
    yield from record.deaths


def callers_see_what_they_did(_observation: Observation, record: Record) -> Iterator[str]:
    """No caller noticed a wrong answer during the run."""
    yield from record.sightings
