"""The command import-fastmp of a service: reads the source, writes the report, ends with a status."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from services.chassis.errors import DomainError
from services.chassis.importing.report import Report
from services.chassis.importing.settings import ImportSettings
from services.chassis.importing.source import Source, SourceError
from services.chassis.postgres.database import Database
from services.chassis.settings import load

ACTOR = "service:import-fastmp"
# How many rows one transaction imports: few, because other changes of accounts wait for its numbers in the feed.
BATCH = 100

T = TypeVar("T")


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yields the items in lists of at most BATCH."""
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))


def run(database_url: str, importing: Callable[[Database, Source, ImportSettings], Iterable[Report]]) -> None:
    """Calls `importing` with the service's database and the source, and writes its reports to standard output.

    Ends the process with status 2 for a bad setting, and with 1 and one line if either database fails: what was
    committed until then stays, and another run goes on.
    """
    settings = load(ImportSettings)
    database = Database(database_url, pool_size=2, application_name="fastmp-import")
    try:
        with Source.open(settings.import_url.get_secret_value()) as source:
            for report in importing(database, source, settings):
                sys.stdout.writelines(f"{line}\n" for line in report.lines())
    except SourceError as error:
        sys.stderr.write(f"import-fastmp: {error}\n")
        sys.exit(1)
    except DomainError as error:
        sys.stderr.write(f"import-fastmp: {error.reason}\n")
        sys.exit(1)
    finally:
        database.dispose()
