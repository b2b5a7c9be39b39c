"""Commands for admins that list and revoke batches of activation codes."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from fastmp.cli import asking, times
from fastmp.cli.command_registration import command
from fastmp.cli.failures import CommandError
from fastmp.cli.invocation import Invocation
from fastmp.cli.listing import Every, Listing, PageToken, Size

PATH = "/activation/batches"
COLUMNS = (
    *("batch", "note", "days", "from", "redeem before", "made", "by"),
    *("pending", "active", "expired", "revoked"),
)


def add_to(group: typer.Typer) -> None:
    """Adds the commands of this file."""
    command(group, "batches")(list_batches)
    command(group, "revoke-batch")(revoke_batch)


def _row(batch: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        batch["batch_id"],
        batch.get("note", ""),
        batch["valid_days"],
        batch["days_from"],
        times.shown(batch.get("redeem_before")),
        times.shown(batch["create_time"]),
        batch["created_by"],
        *(batch[state] for state in ("pending", "active", "expired", "revoked")),
    )


BATCHES = Listing(PATH, COLUMNS, _row, key="batch")


def list_batches(
    call: Invocation, size: Size = 50, page_token: PageToken = None, every: Every = False
) -> None:
    """List batches of activation codes with the number of codes in each state, newest first."""
    if every:
        BATCHES.show_all(call, {})
    else:
        BATCHES.show_page(call, {}, size, page_token)


def revoke_batch(
    call: Invocation,
    batch: Annotated[str, typer.Argument(metavar="BATCH", help="The batch's id.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.", show_default=False)] = False,
) -> None:
    """Revoke the codes of a batch that are not redeemed yet. Accounts that have redeemed one keep their days."""
    with call.signed_in() as rest:
        if not asking.confirm(f"Revoke all codes of {batch} that are not redeemed yet?", is_sure=yes):
            raise CommandError("nothing was revoked")
        answer = rest.post(f"{PATH}/revoke", batch_id=batch)
    call.show(
        answer, f"Revoked; of this batch {answer['revoked']} codes are revoked, {answer['active']} active"
    )
