"""The output of a paginated list of the gateway: one page or all pages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from fastmp.cli.invocation import Invocation
from fastmp.cli.paging import every_page

Size = Annotated[int, typer.Option(min=1, max=200, help="How many on a page.")]
PageToken = Annotated[str | None, typer.Option(help="Go on after a page.", show_default=False)]
Every = Annotated[
    bool, typer.Option("--all", help="Every page; with --json a line for each item.", show_default=False)
]


@dataclass(frozen=True)
class Listing:
    """A list of the gateway: its path, the columns of its table, and a function from an item to a row.

    `key` is that of Output.table().
    """

    path: str
    columns: Sequence[str]
    row: Callable[[Mapping[str, Any]], Sequence[object]]
    key: str | None = None

    def show_page(
        self, call: Invocation, filters: Mapping[str, str | None], size: int, page_token: str | None
    ) -> None:
        """Writes one page: the server's JSON document, or a table and how to see the next page."""
        with call.signed_in() as rest:
            answer = rest.get(self.path, **filters, size=size, page_token=page_token)
        if call.output.as_json:
            call.output.document(answer)
            return
        call.output.table(self.columns, [self.row(item) for item in answer["items"]], self.key)
        if total := answer.get("total"):
            call.output.note(f"{len(answer['items'])} of {total}")
        if token := answer.get("next_page_token"):
            call.output.note(f"Go on with --page-token {token}, or see --all")

    def show_all(self, call: Invocation, filters: Mapping[str, str | None]) -> None:
        """Writes every item: one JSON line each, as the pages arrive, or one table."""
        with call.signed_in() as rest:
            items = (item for page in every_page(rest, self.path, **filters) for item in page["items"])
            if call.output.as_json:
                for item in items:
                    call.output.line(item)
            else:
                call.output.table(self.columns, [self.row(item) for item in items], self.key)
