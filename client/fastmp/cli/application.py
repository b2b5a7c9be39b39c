"""The typer application: every command group of `fastmp`."""

import importlib.metadata
from typing import Annotated

import typer

from fastmp.cli.command_registration import JsonOption, ProfileOption, ServerOption
from fastmp.cli.commands import (
    account,
    audit,
    code_batches,
    code_export,
    codes,
    cookies,
    notifications,
    scan,
    users,
)
from fastmp.cli.exit_codes import EXIT_CODE_HELP
from fastmp.cli.invocation import Choices
from fastmp.cli.outermost import GuardedGroup

ENVIRONMENT_HELP = (
    "Environment:",
    "FASTMP_SERVER and FASTMP_PROFILE stand in for the options",
    "FASTMP_TOKEN is an access token to use instead of the profile's",
    "FASTMP_ALLOW_HTTP=1 lets http:// leave this machine",
    "FASTMP_DEBUG names a file for the place in the program where an unexpected error happened",
    "NO_COLOR turns colours off",
)


# The client's wheel, and the repository's own distribution.
DISTRIBUTIONS = ("fastmp-client", "fastmp")


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        found = [one for one in DISTRIBUTIONS if any(importlib.metadata.distributions(name=one))]
        typer.echo(importlib.metadata.version(found[0]))
        raise typer.Exit


def _root(
    context: typer.Context,
    server: ServerOption = None,
    profile: ProfileOption = None,
    json: JsonOption = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Log WeChat Official Accounts in and look after them, at a FastMP server."""
    context.obj = Choices(server, profile, json)


def _group(parent: typer.Typer, name: str, words: str) -> typer.Typer:
    group = typer.Typer(no_args_is_help=True, help=words)
    parent.add_typer(group, name=name)
    return group


def _build() -> typer.Typer:
    # Typer's tracebacks show the values of variables, such as tokens and passwords.
    built = typer.Typer(cls=GuardedGroup, no_args_is_help=True, pretty_exceptions_enable=False)
    # Typer joins lines that are not separated by an empty one.
    built.callback(epilog="\n\n".join([*EXIT_CODE_HELP, *ENVIRONMENT_HELP]))(_root)
    account.add_to(built)
    cookie_group = _group(built, "cookie", "Your official accounts: scan, list, use, delete.")
    scan.add_to(cookie_group)
    cookies.add_to(cookie_group)
    notifications.add_to(_group(built, "notifications", "Your notifications, and where they are sent."))
    admin = _group(built, "admin", "For administrators: users, activation codes, audit logs.")
    users.add_to(_group(admin, "users", "Accounts."))
    code_group = _group(admin, "codes", "Activation codes.")
    codes.add_to(code_group)
    code_export.add_to(code_group)
    code_batches.add_to(code_group)
    audit.add_to(_group(admin, "audit", "Audit logs of the services."))
    return built


application = _build()
