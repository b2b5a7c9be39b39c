"""Registration of commands: each has --server, --profile and --json, and reports failures in the same way."""

import functools
import inspect
import os
from collections.abc import Callable
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from fastmp.cli.exit_codes import ExitCode
from fastmp.cli.failure_report import report
from fastmp.cli.failures import CommandError
from fastmp.cli.invocation import Choices, Invocation
from fastmp.cli.output import Output
from fastmp.cli.plain_text import is_text
from fastmp.cli.profiles import Profiles

P = ParamSpec("P")
PANEL = "Every command"

ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help="The gateway. Else FASTMP_SERVER, the profile's, or http://127.0.0.1:8080.",
        rich_help_panel=PANEL,
        show_default=False,
    ),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="Who is signed in where. Else FASTMP_PROFILE, or 'default'.",
        rich_help_panel=PANEL,
        show_default=False,
        autocompletion=lambda: Profiles.of_user().names(),
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option(
        "--json", help="Answer as JSON on standard output.", rich_help_panel=PANEL, show_default=False
    ),
]
_SHARED = {"server": ServerOption, "profile": ProfileOption, "json": JsonOption}
_NOT_GIVEN = {"server": None, "profile": None, "json": False}


def command(
    group: typer.Typer, name: str
) -> Callable[[Callable[Concatenate[Invocation, P], None]], Callable[Concatenate[Invocation, P], None]]:
    """Returns a decorator that registers a function as the command `name` of `group`.

    The function's docstring is the help, its parameters after the first are the arguments and options.
    """

    def register(
        function: Callable[Concatenate[Invocation, P], None],
    ) -> Callable[Concatenate[Invocation, P], None]:
        @functools.wraps(function)
        def run(context: typer.Context, **arguments: Any) -> None:
            given = Choices(*(arguments.pop(option) for option in _SHARED))
            if not all(is_text(value) for value in arguments.values() if isinstance(value, str)):
                raise typer.BadParameter("an argument is not text in the terminal's encoding")
            outer = context.obj if isinstance(context.obj, Choices) else Choices()
            choices = outer.narrowed(given)
            try:
                function(Invocation.of(choices, os.environ), **arguments)  # type: ignore[call-arg]
            except CommandError as error:
                report(error, Output(as_json=choices.as_json))
                raise typer.Exit(error.exit_code) from error
            except typer.Abort as error:
                # Ctrl-C or Ctrl-D at a prompt.
                raise typer.Exit(ExitCode.INTERRUPTED) from error

        run.__signature__ = _signature(function)  # type: ignore[attr-defined]
        group.command(name)(run)
        return function

    return register


def _signature(function: Callable[..., None]) -> inspect.Signature:
    keyword = inspect.Parameter.KEYWORD_ONLY
    own = [one.replace(kind=keyword) for one in inspect.signature(function).parameters.values()]
    shared = [
        inspect.Parameter(name, keyword, default=_NOT_GIVEN[name], annotation=annotation)
        for name, annotation in _SHARED.items()
    ]
    context = inspect.Parameter("context", keyword, annotation=typer.Context)
    return inspect.Signature([context, *own[1:], *shared])
