"""Lists that come page by page."""

from collections.abc import Iterator
from typing import Any

from fastmp.cli.failures import UnreachableError
from fastmp.cli.rest import RestSession

LARGEST_PAGE = 200


def every_page(rest: RestSession, path: str, **query: str | int | None) -> Iterator[dict[str, Any]]:
    """The pages one after the other, each as large as can be, each asked for when it is needed."""
    token: str | None = None
    while True:
        page = rest.get(path, **query, size=LARGEST_PAGE, page_token=token)
        yield page
        before, token = token, page.get("next_page_token")
        if not token:
            return
        if token == before:
            raise UnreachableError("the server gives the same page again and again")
