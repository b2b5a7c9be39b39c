"""Deleting a code: gone here at once, and what it gave is taken back at Identity whatever fails."""

import uuid
from dataclasses import dataclass

from sqlalchemy import Connection

from services.activation.codes import codes
from services.chassis.jobs.queue import Jobs

CLEAR_ACTIVATION = "fastmp:clear_activation"
# The job is only for what the call at once did not do, and leaves it the time to do it.
CLEAR_JOB_DELAY_SECONDS = 5


@dataclass(frozen=True)
class Deletion:
    """A code that is gone, and the job that clears it at Identity if nobody else does."""

    code_id: uuid.UUID
    job_id: int


def delete(connection: Connection, jobs: Jobs, activation_code: str) -> Deletion:
    """Deletes the code and enqueues the job that clears it at Identity.

    Needs a transaction. Raises CodeNotFoundError.
    """
    code_id = codes.remove(connection, activation_code)
    # An unredeemed code is cleared as well: Identity may know more of it than a restored backup here.
    job_id = jobs.enqueue(
        connection,
        CLEAR_ACTIVATION,
        delay_seconds=CLEAR_JOB_DELAY_SECONDS,
        activation_code=activation_code,
    )
    return Deletion(code_id, job_id)
