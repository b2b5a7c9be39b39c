"""Iteration over the pages of a list."""

from collections.abc import Iterator
from typing import Any

from fastmp.cli.failures import UnreachableError
from fastmp.cli.rest import RestSession

LARGEST_PAGE = 200


def every_page(rest: RestSession, path: str, **query: str | int | None) -> Iterator[dict[str, Any]]:
    """Yields the pages of a list in order, of the largest size, each requested when it is needed.

    Raises UnreachableError if the server returns the same page token twice in a row.
    """
    token: str | None = None
    while True:
        page = rest.get(path, **query, size=LARGEST_PAGE, page_token=token)
        yield page
        before, token = token, page.get("next_page_token")
        if not token:
            return
        if token == before:
            raise UnreachableError("the server gives the same page again and again")
