"""Commands for admins that list, show, edit and delete accounts."""

import datetime
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import typer

from fastmp.cli import asking, times
from fastmp.cli.accounts import account_of
from fastmp.cli.command_registration import command
from fastmp.cli.failures import CommandError, UsageError
from fastmp.cli.invocation import Invocation
from fastmp.cli.listing import Every, Listing, PageToken, Size

PATH = "/admin/users"
Role = Literal["admin", "user"]
Status = Literal["pending", "active", "expired", "revoked"]
Who = Annotated[str, typer.Argument(metavar="USER", help="The account's id or e-mail.", show_default=False)]
COLUMNS = ("e-mail", "role", "status", "until", "id")


def _row(account: Mapping[str, Any]) -> tuple[str, ...]:
    until = times.shown(account.get("expired_time"))
    return account["email"], account["role"], account["activation_status"], until, account["id"]


USERS = Listing(PATH, COLUMNS, _row, key="e-mail")


def add_to(group: typer.Typer) -> None:
    """Adds the commands of this file."""
    command(group, "list")(list_users)
    command(group, "show")(show)
    command(group, "edit")(edit)
    command(group, "delete")(delete)
    command(group, "password-link")(password_link)


def list_users(
    call: Invocation,
    email: Annotated[str | None, typer.Option(help="A part of the e-mail.", show_default=False)] = None,
    role: Annotated[Role | None, typer.Option(show_default=False)] = None,
    status: Annotated[Status | None, typer.Option(show_default=False)] = None,
    size: Size = 50,
    page_token: PageToken = None,
    every: Every = False,
) -> None:
    """List accounts, newest first."""
    filters = {"email": email, "role": role, "activation_status": status}
    if every:
        USERS.show_all(call, filters)
    else:
        USERS.show_page(call, filters, size, page_token)


def show(call: Invocation, user: Who) -> None:
    """Show one account."""
    with call.signed_in() as rest:
        account = account_of(rest, user)
    _show(call, account)


def edit(
    call: Invocation,
    user: Who,
    role: Annotated[Role | None, typer.Option(show_default=False)] = None,
    status: Annotated[Status | None, typer.Option(show_default=False)] = None,
    until: Annotated[
        datetime.datetime | None,
        typer.Option(help="When the access ends, in local time.", show_default=False),
    ] = None,
    password: Annotated[bool, typer.Option("--password", help="Ask for a new password.")] = False,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read a new password from standard input.")
    ] = False,
) -> None:
    """Change an account: what is named, and nothing else."""
    changes: dict[str, str | int | None] = {"role": role, "activation_status": status}
    if until is not None:
        changes["expired_time"] = times.for_server(until)
    if password or password_stdin:
        changes["password"] = asking.password("New password", from_stdin=password_stdin, twice=True)
    if all(value is None for value in changes.values()):
        raise UsageError("nothing to change was named", "See: fastmp admin users edit --help")
    with call.signed_in() as rest:
        account = rest.put(f"{PATH}/{account_of(rest, user)['id']}", **changes)
    _show(call, account)


def delete(
    call: Invocation,
    user: Who,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.", show_default=False)] = False,
) -> None:
    """Delete an account with its activation codes and cookies."""
    with call.signed_in() as rest:
        account = account_of(rest, user)
        question = f"Delete {account['email']} with all activation codes and cookies?"
        if not asking.confirm(question, is_sure=yes):
            raise CommandError("nothing was deleted")
        answer = rest.delete(f"{PATH}/{account['id']}")
    call.show(answer, f"Deleted {account['email']}")


def password_link(call: Invocation, user: Who) -> None:
    """Make a link with which the account's holder sets a new password, once and within 24 hours."""
    with call.signed_in() as rest:
        account = account_of(rest, user)
        link = rest.post(f"{PATH}/{account['id']}/password-link")
    # Without PUBLIC_URL the link is relative to the gateway.
    url = call.server + link["url"] if link["url"].startswith("/") else link["url"]
    call.show({**link, "url": url}, url)
    until = times.shown(link["expire_time"])
    call.output.note(f"For the holder of {account['email']} only: it works once, until {until}")


def _show(call: Invocation, account: dict[str, Any]) -> None:
    if call.output.as_json:
        call.output.document(account)
    else:
        call.output.facts(dict(zip(COLUMNS, _row(account), strict=True)))
