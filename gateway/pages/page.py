"""A page that Envoy serves from a file."""

from dataclasses import dataclass
from pathlib import Path

from gateway.envoy.extensions import Config, set_header


@dataclass(frozen=True)
class Page:
    """The answer to GET `path`, which Envoy reads from the file `file_name`."""

    path: str
    file_name: str
    content_type: str
    content: bytes
    headers: tuple[tuple[str, str], ...] = ()

    def route(self, folder: Path) -> Config:
        """Returns the action of the page's route, with the file in `folder`."""
        headers = (("content-type", self.content_type), *self.headers)
        return {
            "direct_response": {"status": 200, "body": {"filename": str(folder / self.file_name)}},
            "response_headers_to_add": [set_header(name, value) for name, value in headers],
        }
