"""What a command answers, for people or for programs."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from fastmp.cli.plain_text import plain, plain_json


class Output:
    """Results on standard output, in words or as JSON. Messages and progress on standard error."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        # Names and messages are not markup.
        self.console = Console(markup=False, emoji=False, highlight=False)
        self.messages = Console(stderr=True, markup=False, emoji=False, highlight=False)

    def document(self, value: Mapping[str, Any]) -> None:
        """The one JSON document of a command."""
        _write(json.dumps(value, ensure_ascii=False, indent=2))

    def line(self, value: Mapping[str, Any]) -> None:
        """One of a command's JSON lines."""
        _write(json.dumps(value, ensure_ascii=False))

    def sentence(self, text: str) -> None:
        """A result in words."""
        self.console.print(plain(text), soft_wrap=True)

    def note(self, text: str) -> None:
        """Something beside the result; programs do not get it."""
        if not self.as_json:
            self.messages.print(plain(text), soft_wrap=True)

    def facts(self, facts: Mapping[str, object]) -> None:
        """Named values below each other."""
        width = max(len(name) for name in facts)
        for name, value in facts.items():
            self.console.print(f"{name:<{width}}  {plain(value)}", soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Rows under headings; tab-separated where no terminal is."""
        if not self.console.is_terminal:
            for row in [columns, *rows]:
                _write("\t".join(plain(cell) for cell in row))
            return
        table = Table(box=box.SIMPLE_HEAD)
        for column in columns:
            # Nothing of a value is left out: people copy from here.
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(Text(plain(cell)) for cell in row))
        self.console.print(table)

    @contextmanager
    def progress(self, what: str, total: int | None) -> Iterator["Bar"]:
        """A bar on standard error while the block runs, if that is a terminal."""
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
        """So many more are done."""
        self._progress.advance(self._task, count)


def _write(text: str) -> None:
    sys.stdout.write(plain_json(text) + "\n")
    # Whoever reads lines as they come must not wait for a full buffer.
    sys.stdout.flush()
