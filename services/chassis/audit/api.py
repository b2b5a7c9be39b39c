"""ListAuditLog and VerifyAuditLog, the same for every service."""

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

import grpc
from pydantic import Field
from sqlalchemy import Connection, RowMapping

from fastmp.audit.v1 import audit_pb2 as pb
from services.chassis.audit.actors import Emails, emails_of_actors
from services.chassis.audit.listing import page
from services.chassis.audit.tables import AuditTables
from services.chassis.audit.verifying import Anchor, Verification
from services.chassis.language import Localized
from services.chassis.pages import DEFAULT_PAGE, LARGEST_PAGE, NOT_A_TOKEN
from services.chassis.postgres.database import Database
from services.chassis.validation import Text, Values, matching, parse
from services.chassis.violations import invalid

LARGEST_POSITION = 2**63 - 1
_DIGEST = Localized(
    "应为 64 个字符，只含数字和字母 a–f", "must be 64 characters, only digits and letters a–f"
)
_TOGETHER = Localized("应与核对位置（anchor_position）同时给出", "goes together with anchor_position")
# Returns the ids of the service's things that have the name given, newest first; a bounded number.
Named = Callable[[Connection, str], Sequence[str]]
Filter = Annotated[Text, Field(min_length=1, max_length=254)]


class ListValues(Values):
    """The validated fields of ListAuditLogRequest."""

    actor: Filter | None = None
    action: Filter | None = None
    target: Filter | None = None
    size: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = DEFAULT_PAGE
    page_token: Annotated[Text, Field(max_length=32)] | None = None


class VerifyValues(Values):
    """The validated fields of VerifyAuditLogRequest."""

    after_position: Annotated[int, Field(ge=0, le=LARGEST_POSITION)] = 0
    anchor_position: Annotated[int, Field(ge=1, le=LARGEST_POSITION)] | None = None
    anchor_digest: Annotated[str, matching("[0-9a-f]{64}", _DIGEST)] | None = None


class AuditRpcs:
    """A mixin for a service's servicer, which must set `audit_reader`."""

    audit_reader: "AuditReader"

    def ListAuditLog(
        self, request: pb.ListAuditLogRequest, _context: grpc.ServicerContext
    ) -> pb.ListAuditLogResponse:
        """See the proto."""
        return self.audit_reader.list(parse(ListValues, request))

    def VerifyAuditLog(
        self, request: pb.VerifyAuditLogRequest, _context: grpc.ServicerContext
    ) -> pb.VerifyAuditLogResponse:
        """See the proto."""
        return self.audit_reader.verify(parse(VerifyValues, request))


@dataclass(frozen=True)
class AuditReader:
    """Lists and verifies one service's audit log; the answers are protobuf messages."""

    database: Database
    tables: AuditTables
    key: bytes = field(repr=False)
    keep: datetime.timedelta
    now: Callable[[], datetime.datetime]
    emails: Emails
    # Returns a seal that this replica has seen and that is no longer in the log; see Sealer.lost.
    lost: Callable[[], Anchor | None] = lambda: None
    named: Named = lambda _connection, _name: ()

    def list(self, values: ListValues) -> pb.ListAuditLogResponse:
        """Returns one page. Raises InvalidArgumentError if the page token is invalid."""
        given = {"actor": values.actor, "action": values.action, "target": values.target}
        filters = {name: [value] for name, value in given.items() if value is not None}
        before = _position(values.page_token) if values.page_token is not None else None
        with self.database.reading() as connection:
            if values.target is not None:
                filters["target"] += self.named(connection, values.target)
            rows = page(connection, self.tables, filters, values.size, before)
        shown = rows[: values.size]
        token = str(shown[-1]["id"]) if len(rows) > len(shown) else None
        emails = emails_of_actors(shown, self.emails)
        return pb.ListAuditLogResponse(items=[_message(row, emails) for row in shown], next_page_token=token)

    def verify(self, values: VerifyValues) -> pb.VerifyAuditLogResponse:
        """Returns the verdict on up to 100,000 entries. Raises InvalidArgumentError if the anchor is incomplete."""
        if (values.anchor_position is None) != (values.anchor_digest is None):
            raise invalid("anchor_digest", _TOGETHER)
        anchor = None
        if values.anchor_position is not None and values.anchor_digest is not None:
            anchor = Anchor(values.anchor_position, bytes.fromhex(values.anchor_digest))
        verification = Verification(self.tables, self.key, self.now() - self.keep)
        with self.database.snapshot() as connection:
            verdict = verification.verify(connection, values.after_position, anchor)
        if verdict.intact and (lost := self.lost()) is not None:
            verdict = replace(
                verdict, complete=False, broken_position=lost.position, broken_reason="ANCHOR_MISMATCH"
            )
        return pb.VerifyAuditLogResponse(
            intact=verdict.intact,
            checked=verdict.checked,
            position=verdict.position,
            digest=verdict.digest.hex(),
            complete=verdict.complete,
            broken_position=verdict.broken_position,
            broken_reason=verdict.broken_reason,
        )


def _position(token: str) -> int:
    if not (token.isascii() and token.isdecimal() and int(token) <= LARGEST_POSITION):
        raise invalid("page_token", NOT_A_TOKEN)
    return int(token)


def _message(row: RowMapping, emails: Mapping[str, str]) -> pb.AuditEntry:
    entry = pb.AuditEntry(
        position=row["position"] or 0,
        action=row["action"],
        outcome=row["outcome"],
        actor=row["actor"],
        actor_email=emails.get(row["actor"], ""),
        target=row["target"],
        client_address=row["client_address"],
        request_id=row["request_id"],
        # The previous release recorded the e-mail of a new account.
        details={name: value for name, value in row["details"].items() if name != "email"},
    )
    entry.time.FromDatetime(row["time"])
    return entry
