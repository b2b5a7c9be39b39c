"""The outermost error handler, which prevents tracebacks and secrets in the output."""

import io
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import typer
from typer.core import TyperGroup

from fastmp.cli.access_tokens import scrubbed
from fastmp.cli.exit_codes import ExitCode
from fastmp.cli.failures import CommandError
from fastmp.cli.private_file import write_private

DEBUG_VARIABLE = "FASTMP_DEBUG"


class GuardedGroup(TyperGroup):
    """The group of all commands. It exits with one of the documented codes whatever the run raises."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Runs the command in the arguments and exits."""
        _make_streams_safe()
        sys.exit(guarded(lambda: super(GuardedGroup, self).main(*arguments, **options)))

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Parses the options before the command's name."""
        return _with_scrubbed_message(lambda: super(GuardedGroup, self).make_context(*arguments, **options))

    def invoke(self, *arguments: Any, **options: Any) -> Any:
        """Parses the other arguments and runs the command."""
        return _with_scrubbed_message(lambda: super(GuardedGroup, self).invoke(*arguments, **options))


def guarded(run: Callable[[], object]) -> int:
    """Calls `run` and returns the exit code. Reports an exception in one line, without its message or arguments."""
    try:
        try:
            run()
            code = int(ExitCode.OK)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ExitCode.OK)
        # If the interpreter's flush at exit failed, it would print a traceback.
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the outermost handler
        return _failed(error)
    return code


def _failed(error: Exception) -> int:
    _discard_unwritten(sys.stdout)
    if isinstance(error, BrokenPipeError):
        # The reader closed the pipe; nothing is reported.
        return ExitCode.REFUSED
    message = f"something unexpected happened ({type(error).__name__})"
    if isinstance(error, OSError) and error.strerror:
        message += f": {error.strerror}"
    _write_error(f"fastmp: {message}\n  {_debug_words(error)}\n")
    return ExitCode.REFUSED


def _debug_words(error: Exception) -> str:
    if not (path := os.environ.get(DEBUG_VARIABLE)):
        return f"With {DEBUG_VARIABLE}=FILE the place in the program is written to that file"
    try:
        write_private(Path(path), _places(error).encode(errors="replace"))
    except (CommandError, ValueError):
        return f"The file of {DEBUG_VARIABLE} cannot be written"
    return f"The place in the program is in the file of {DEBUG_VARIABLE}"


def _places(error: BaseException) -> str:
    """Returns the traceback of the error and its causes without their messages, which may contain secrets."""
    chain: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        chain[:0] = [*traceback.format_tb(cause.__traceback__), f"{type(cause).__name__}\n\n"]
        cause = cause.__cause__ or cause.__context__
    return "".join(chain)


def _with_scrubbed_message(step: Callable[[], Any]) -> Any:
    try:
        return step()
    except Exception as error:
        # A usage error, whose class is not public. Its message quotes the command line.
        if isinstance(message := getattr(error, "message", None), str):
            error.message = scrubbed(message)  # type: ignore[attr-defined]
        raise


def _make_streams_safe() -> None:
    # A stream that the caller closed is None.
    if sys.stdin is None:
        sys.stdin = io.StringIO()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, io.StringIO())
    # Characters that the encoding lacks are written as "?". Standard error escapes them.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")


def _discard_unwritten(stream: TextIO) -> None:
    # As Python's documentation advises: otherwise the interpreter flushes again at exit, and prints a traceback.
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def _write_error(text: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()
