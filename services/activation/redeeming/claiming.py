"""The statement that takes codes: for one account or for several at once, each code by one account."""

import datetime
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    DateTime,
    LargeBinary,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    literal,
    select,
    type_coerce,
    update,
)
from sqlalchemy.dialects.postgresql import distinct_on

from services.activation.codes.iso_time import TO_CHAR, IsoTime, iso_text
from services.activation.redeeming.guessing import CodeGuessing, Guesser
from services.activation.tables import activation_codes
from services.chassis.audit.recording import AuditLog, Entry
from services.chassis.jobs.queue import Jobs
from services.chassis.postgres.direct_statements import DirectStatement

APPLY_ACTIVATION = "fastmp:apply_activation"
# The job is only for what the call at once did not do, and leaves it the time to do it.
APPLY_JOB_DELAY_SECONDS = 5


@dataclass(frozen=True)
class Claim:
    """A code that an account has taken, until when, and the job that applies it if nobody else does."""

    code_id: uuid.UUID
    account_id: uuid.UUID
    activation_code: str = field(repr=False)
    expiry_date: datetime.datetime
    # None when the claim was made by an earlier call.
    job_id: int | None


@dataclass(frozen=True)
class Claimant:
    """Who redeems a code: an account with its e-mail, from an IP address."""

    account_id: uuid.UUID
    email: str
    address: str


@dataclass(frozen=True)
class ClaimWish:
    """A code that a claimant wants, and the audit entry that tells of it once it is taken."""

    activation_code: str = field(repr=False)
    claimant: Claimant
    told: Entry

    @property
    def guesser(self) -> Guesser:
        """The claimant as the limits know it."""
        return Guesser(self.claimant.account_id, self.claimant.address)


class Claiming:
    """Takes pending codes for those who want them, with the job and the audit entry of each. Thread-safe.

    A code is taken by the conditional UPDATE of its row, whoever else wants it; of several who want the same one in
    one statement the first has it. Nobody who has no guess left takes any.
    """

    def __init__(self, jobs: Jobs, guessing: CodeGuessing, audit: AuditLog) -> None:
        self._guessing = guessing
        self._audit = audit
        self._waiting = DirectStatement(_taking(jobs, guessing, skip_locked=False))
        self._passing = DirectStatement(_taking(jobs, guessing, skip_locked=True))

    def take(
        self,
        connection: Connection,
        wishes: Sequence[ClaimWish],
        now: datetime.datetime,
        *,
        waiting: bool,
    ) -> list[Claim | None]:
        """The claims that could be made from `now` on; None where the code was not to be had.

        Without `waiting` that includes codes which another transaction has locked at the moment.
        """
        keys = [self._guessing.keys(wish.guesser) for wish in wishes]
        values = {
            "codes": [wish.activation_code for wish in wishes],
            "accounts": [wish.claimant.account_id for wish in wishes],
            "emails": [wish.claimant.email for wish in wishes],
            "by_account": [by_account for by_account, _ in keys],
            "by_address": [by_address for _, by_address in keys],
            "now": now,
            "time": iso_text(now),
        }
        statement = self._waiting if waiting else self._passing
        claims: list[Claim | None] = [None] * len(wishes)
        for number, code_id, expiry_date, job_id in statement.rows(connection, values):
            wish = wishes[number]
            self._audit.append(connection, {**wish.told, "target": str(code_id)})
            claims[number] = Claim(
                code_id, wish.claimant.account_id, wish.activation_code, expiry_date, job_id
            )
        return claims


def _taking(
    jobs: Jobs, guessing: CodeGuessing, *, skip_locked: bool
) -> Select[int, uuid.UUID, datetime.datetime, int]:
    code = activation_codes.c
    now = bindparam("now", type_=DateTime(timezone=True))
    wanted = (
        func.unnest(
            bindparam("codes", type_=ARRAY(Text)),
            bindparam("accounts", type_=ARRAY(Uuid)),
            bindparam("emails", type_=ARRAY(Text)),
            bindparam("by_account", type_=ARRAY(LargeBinary)),
            bindparam("by_address", type_=ARRAY(LargeBinary)),
        )
        .table_valued("code", "account", "email", "by_account", "by_address", with_ordinality="place")
        .render_derived(name="wanted")
    )
    # Locked in one order, so that two who each want what the other has locked never wait for each other.
    free = (
        select(code.id, wanted.c.place, wanted.c.account, wanted.c.email)
        .join_from(wanted, activation_codes, code.activation_code == wanted.c.code)
        .where(code.activation_status == "pending")
        .where(guessing.has_guesses_left(wanted.c.by_account, wanted.c.by_address, now))
        .order_by(code.activation_code)
        .with_for_update(of=activation_codes, skip_locked=skip_locked)
        .cte("free")
    )
    first = select(free).ext(distinct_on(free.c.id)).order_by(free.c.id, free.c.place).subquery("first")
    time = bindparam("time", type_=Text)
    taken = (
        update(activation_codes)
        .where(code.id == first.c.id, code.activation_status == "pending")
        .values(
            activation_status="active",
            account_id=first.c.account,
            user_email=first.c.email,
            activation_time=time,
            expiry_date=_days_after(now),
            update_time=time,
        )
        .returning((first.c.place - 1).label("number"), code.id, code.expiry_date)
        .cte("taken")
    )
    arguments = func.jsonb_build_object(literal("code_id", Text), taken.c.id)
    job = jobs.enqueuing(APPLY_ACTIVATION, arguments, delay_seconds=APPLY_JOB_DELAY_SECONDS)
    return select(taken.c.number, taken.c.id, taken.c.expiry_date, job)


def _days_after(now: ColumnElement[datetime.datetime]) -> ColumnElement[datetime.datetime]:
    in_utc = func.timezone("UTC", now)
    days = func.make_interval(0, 0, 0, activation_codes.c.valid_days)
    return type_coerce(func.to_char(in_utc + days, cast(TO_CHAR, Text)), IsoTime)
