"""Commands for admins that generate, list and revoke activation codes."""

import datetime
import uuid
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import typer

from fastmp.cli import asking, times
from fastmp.cli.command_registration import command
from fastmp.cli.failures import CommandError
from fastmp.cli.invocation import Invocation
from fastmp.cli.listing import Every, Listing, PageToken, Size
from fastmp.cli.rest import RestSession

# The most that the server generates in one call, which is one batch.
CODES_PER_CALL = 10_000
DaysFrom = Literal["now", "expiry"]
Status = Literal["pending", "active", "expired", "revoked"]
StatusOption = Annotated[Status | None, typer.Option(show_default=False)]
EmailOption = Annotated[
    str | None, typer.Option(help="A part of the e-mail of who redeemed it.", show_default=False)
]
BatchOption = Annotated[str | None, typer.Option("--batch", help="The id of the batch.", show_default=False)]
CodePartOption = Annotated[
    str | None, typer.Option("--code", help="A part of the code, from 4 characters.", show_default=False)
]


def add_to(group: typer.Typer) -> None:
    """Adds the commands of this file."""
    command(group, "generate")(generate)
    command(group, "list")(list_codes)
    command(group, "revoke")(revoke)


def generate(
    call: Invocation,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days of access that each code gives.")],
    count: Annotated[int, typer.Option(min=1, max=100_000, help="How many codes.")] = 1,
    note: Annotated[
        str | None, typer.Option(help="For admins, up to 200 characters.", show_default=False)
    ] = None,
    days_from: Annotated[
        DaysFrom,
        typer.Option(help="now: the days replace what the account has left. expiry: they are added to it."),
    ] = "now",
    redeem_before: Annotated[
        datetime.datetime | None,
        typer.Option(help="From then on they cannot be redeemed, in local time.", show_default=False),
    ] = None,
    request_id: Annotated[
        str | None,
        typer.Option(
            help="Given again with the same values, it gives the same codes again.", show_default=False
        ),
    ] = None,
) -> None:
    """Make activation codes: one a line, with --json one JSON document a line. Up to 10,000 are one batch."""
    request = request_id or uuid.uuid4().hex
    before = None if redeem_before is None else times.for_server(redeem_before)
    # Servers of the release before do not know these, so they are sent only if they say something.
    terms = {"note": note, "redeem_before": before, "days_from": None if days_from == "now" else days_from}
    with call.signed_in() as rest, call.output.progress("Making codes", count) as bar:
        try:
            for portion in _portions(rest, days, count, request, terms):
                for code in portion["codes"]:
                    if call.output.as_json:
                        call.output.line(code)
                    else:
                        call.output.sentence(code["activation_code"])
                bar.advance(len(portion["codes"]))
                if batch := portion.get("batch_id"):
                    call.output.note(f"Batch {batch}")
        except CommandError as error:
            error.hint = error.hint or f"To have these very codes, repeat it with --request-id {request}"
            raise


def _portions(
    rest: RestSession, days: int, count: int, request: str, terms: Mapping[str, str | None]
) -> Iterator[dict[str, Any]]:
    for begin in range(0, count, CODES_PER_CALL):
        # Each portion has an id of its own, which is the same when the command is repeated.
        portion = request if count <= CODES_PER_CALL else f"{request}-{begin // CODES_PER_CALL}"
        size = min(CODES_PER_CALL, count - begin)
        yield rest.post("/activation/generate", valid_days=days, count=size, request_id=portion, **terms)


def _row(code: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        code["activation_code"],
        code["valid_days"],
        code["activation_status"],
        code.get("user_email", ""),
        times.shown(code.get("expiry_date")),
        times.shown(code["create_time"]),
    )


COLUMNS = ("code", "days", "status", "redeemed by", "until", "made")
CODES = Listing("/activation/list", COLUMNS, _row, key="code")


def list_codes(
    call: Invocation,
    status: StatusOption = None,
    email: EmailOption = None,
    batch: BatchOption = None,
    code: CodePartOption = None,
    size: Size = 50,
    page_token: PageToken = None,
    every: Every = False,
) -> None:
    """List activation codes, newest first."""
    filters = {"status": status, "email": email, "batch_id": batch, "code": code}
    if every:
        CODES.show_all(call, filters)
    else:
        CODES.show_page(call, filters, size, page_token)


def revoke(
    call: Invocation,
    code: Annotated[
        str | None,
        typer.Argument(
            metavar="[CODE]", help="Asked for, or read from a pipe, when left out.", show_default=False
        ),
    ] = None,
) -> None:
    """Revoke an activation code. An account that has redeemed it keeps its days."""
    with call.signed_in() as rest:
        answer = rest.post("/activation/revoke", activation_code=asking.activation_code(code))
    call.show(answer, f"Revoked; its status is {answer['activation_status']}")
