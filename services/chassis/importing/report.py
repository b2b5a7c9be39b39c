"""What an import did with each row."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.chassis.importing.values import LeftOutError

# The longest id in a report; longer ones are cut.
MOST_ID_LENGTH = 64


@dataclass
class Report:
    """How many of a table's rows were imported or already there, and those left out, by id with the reason."""

    table: str
    imported: int = 0
    unchanged: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)

    @contextlib.contextmanager
    def checking(self, row_id: object) -> Iterator[None]:
        """Leaves the row out if the block raises LeftOutError."""
        try:
            yield
        except LeftOutError as error:
            self.leave_out(row_id, error.reason)

    def leave_out(self, row_id: object, reason: str) -> None:
        """Notes that the row was not imported."""
        self.left_out.append((str(row_id), reason))

    def lines(self) -> Iterator[str]:
        """Yields the numbers, then a line for each row that was left out: its table, id and reason."""
        yield (
            f"{self.table}: {self.imported} imported, {self.unchanged} already there, "
            f"{len(self.left_out)} left out"
        )
        for row_id, reason in self.left_out:
            # The source may hold control characters, which a terminal would obey.
            shown = row_id.encode("unicode_escape").decode()[:MOST_ID_LENGTH]
            yield f"{self.table} {shown}: {reason}"
