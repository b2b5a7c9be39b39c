"""The output of commands: text and tables for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from fastmp.cli.access_tokens import scrubbed
from fastmp.cli.plain_text import plain, plain_json

# Columns; more than any table needs.
WIDEST_TABLE = 10_000
INDENT = 4


class Output:
    """Writes results to standard output, as text or JSON, and messages and progress to standard error."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        # Names and messages must not be interpreted as markup.
        self.console = Console(markup=False, emoji=False, highlight=False)
        self.messages = Console(stderr=True, markup=False, emoji=False, highlight=False)

    def document(self, value: Mapping[str, Any]) -> None:
        """Writes the JSON document that is the whole result."""
        _write(self.json(value, self.console, indent=2))

    def line(self, value: Mapping[str, Any]) -> None:
        """Writes one JSON line of a result of many."""
        _write(self.json(value, self.console))

    @staticmethod
    def json(value: Mapping[str, Any], console: Console, indent: int | None = None) -> str:
        """Returns `value` as JSON, escaped to ASCII if the console's encoding lacks one of its characters."""
        text = json.dumps(value, ensure_ascii=False, indent=indent)
        if not can_show(console, text):
            text = json.dumps(value, indent=indent)
        return plain_json(scrubbed(text))

    def sentence(self, text: str) -> None:
        """Writes a result as text."""
        self.console.print(_shown(text), soft_wrap=True)

    def note(self, text: str) -> None:
        """Writes a remark to standard error, unless the result is JSON."""
        if not self.as_json:
            self.messages.print(_shown(text), soft_wrap=True)

    def facts(self, facts: Mapping[str, object]) -> None:
        """Writes named values, one a line."""
        width = max(len(name) for name in facts)
        for name, value in facts.items():
            self.console.print(f"{name:<{width}}  {_shown(value)}", soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], key: str | None = None) -> None:
        """Writes rows under headings; tab-separated unless standard output is a terminal.

        `key` is the column whose values people copy. If the table is wider than the terminal, each row is written
        as its key on a line of its own and the other values below.
        """
        if not self.console.is_terminal:
            for row in [columns, *rows]:
                _write("\t".join(_shown(cell) for cell in row))
            return
        shown = [[_shown(cell) for cell in row] for row in rows]
        table = Table(box=box.SIMPLE_HEAD)
        for column in columns:
            # Values are wrapped, not truncated, so that they can be copied.
            table.add_column(column, overflow="fold")
        for row in shown:
            table.add_row(*(Text(cell) for cell in row))
        unlimited = self.console.options.update_width(WIDEST_TABLE)
        if key is None or self.console.measure(table, options=unlimited).maximum <= self.console.width:
            self.console.print(table)
        else:
            self._records(columns, shown, columns.index(key))

    def _records(self, columns: Sequence[str], rows: Iterable[Sequence[str]], key: int) -> None:
        for row in rows:
            self.console.print(row[key], soft_wrap=True)
            cells = zip(columns, row, strict=True)
            others = [f"{column} {cell}" for at, (column, cell) in enumerate(cells) if at != key and cell]
            self.console.print(Padding(Text(", ".join(others), overflow="fold"), (0, 0, 0, INDENT)))

    @contextmanager
    def progress(self, what: str, total: int | None) -> Iterator["Bar"]:
        """Shows a progress bar on standard error, if it is a terminal, while the block runs."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        progress = Progress(
            *columns, console=self.messages, transient=True, disable=not self.messages.is_terminal
        )
        with progress:
            yield Bar(progress, progress.add_task(what, total=total))


class Bar:
    """A progress bar."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, count: int) -> None:
        """Adds `count` to the number of completed items."""
        self._progress.advance(self._task, count)


def can_show(console: Console, text: str) -> bool:
    """Whether the encoding of the console has every character of `text`."""
    try:
        text.encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _shown(value: object) -> str:
    return plain(scrubbed(str(value)))


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")
    # A program that reads the output line by line must not wait for a full buffer.
    sys.stdout.flush()
