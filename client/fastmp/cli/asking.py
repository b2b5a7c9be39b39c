"""Prompts for passwords, codes and confirmations. Passwords are never arguments, which other users can read."""

import sys

import typer

from fastmp.cli.failures import UsageError
from fastmp.cli.plain_text import trimmed

LONGEST_LINE = 4096


def password(question: str, *, from_stdin: bool, twice: bool = False) -> str:
    """Returns a password: the first line of standard input, or what is typed at a prompt without echo.

    Raises UsageError if standard input is neither requested nor a terminal.
    """
    if from_stdin:
        return _line_of_input("password")
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask for the password", "Pipe it in, with --password-stdin")
    return str(typer.prompt(question, hide_input=True, confirmation_prompt=twice, err=True))


def second_factor(*, from_stdin: bool) -> str:
    """Returns a code of the second factor: the next line of standard input, or what is typed at a prompt.

    Raises UsageError if standard input has no such line.
    """
    if from_stdin:
        return _line_of_input("code of the authenticator app")
    return trimmed(str(typer.prompt("Code of your authenticator app, or a recovery code", err=True)))


def activation_code(given: str | None) -> str:
    """Returns the code given, or asks for it at a prompt, or reads the first line of standard input.

    Raises UsageError if standard input has no such line.
    """
    if given is not None:
        return trimmed(given)
    if sys.stdin.isatty():
        return trimmed(str(typer.prompt("Activation code", err=True)))
    return trimmed(_line_of_input("activation code"))


def channel_address() -> str:
    """Returns the address of a channel, which is secret: typed at a prompt, or the first line of standard input.

    Raises UsageError if standard input has no such line.
    """
    if sys.stdin.isatty():
        return trimmed(str(typer.prompt("Address", err=True)))
    return trimmed(_line_of_input("address of the channel"))


def confirm(question: str, *, is_sure: bool) -> bool:
    """Returns whether the answer is yes; does not ask if `is_sure`. Raises UsageError if there is no terminal."""
    if is_sure:
        return True
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask whether this is meant", "Say so with --yes")
    return typer.confirm(question, err=True)


def _line_of_input(what: str) -> str:
    try:
        # Programs on Windows write a byte order mark at the beginning of piped text.
        line = sys.stdin.readline(LONGEST_LINE).removeprefix("\ufeff").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"the {what} on standard input is not text in {error.encoding}") from error
    if len(line) >= LONGEST_LINE:
        raise UsageError(f"the {what} on standard input is too long")
    if not line:
        raise UsageError(f"there is no {what} on standard input")
    return line
