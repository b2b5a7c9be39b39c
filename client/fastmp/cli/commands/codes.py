"""Commands for admins that generate, list and revoke activation codes."""

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

# The server generates up to 10,000 in one call. Smaller calls show progress, and less is lost if one fails.
CODES_PER_CALL = 1000
Status = Literal["pending", "active", "expired", "revoked"]
StatusOption = Annotated[Status | None, typer.Option(show_default=False)]
EmailOption = Annotated[
    str | None, typer.Option(help="A part of the e-mail of who redeemed it.", show_default=False)
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
    request_id: Annotated[
        str | None,
        typer.Option(
            help="Given again with the same numbers, it gives the same codes again.", show_default=False
        ),
    ] = None,
) -> None:
    """Make activation codes: one a line, with --json one JSON document a line."""
    request = request_id or uuid.uuid4().hex
    with call.signed_in() as rest, call.output.progress("Making codes", count) as bar:
        try:
            for codes in _portions(rest, days, count, request):
                for code in codes:
                    if call.output.as_json:
                        call.output.line(code)
                    else:
                        call.output.sentence(code["activation_code"])
                bar.advance(len(codes))
        except CommandError as error:
            error.hint = error.hint or f"To have these very codes, repeat it with --request-id {request}"
            raise


def _portions(rest: RestSession, days: int, count: int, request: str) -> Iterator[list[dict[str, Any]]]:
    for begin in range(0, count, CODES_PER_CALL):
        # Each portion has an id of its own, which is the same when the command is repeated.
        portion = request if count <= CODES_PER_CALL else f"{request}-{begin // CODES_PER_CALL}"
        size = min(CODES_PER_CALL, count - begin)
        yield rest.post("/activation/generate", valid_days=days, count=size, request_id=portion)["codes"]


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
    size: Size = 50,
    page_token: PageToken = None,
    every: Every = False,
) -> None:
    """List activation codes, newest first."""
    filters = {"status": status, "email": email}
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
