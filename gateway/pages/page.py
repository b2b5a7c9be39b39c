"""A file that Envoy answers with by itself."""

from dataclasses import dataclass
from pathlib import Path

from gateway.envoy.extensions import Config, set_header


@dataclass(frozen=True)
class Page:
    """What is answered at `path`; Envoy reads it from a file called `file_name`."""

    path: str
    file_name: str
    content_type: str
    content: bytes
    headers: tuple[tuple[str, str], ...] = ()

    def route(self, folder: Path) -> Config:
        """The route's action, with the file in `folder`."""
        headers = (("content-type", self.content_type), *self.headers)
        return {
            "direct_response": {"status": 200, "body": {"filename": str(folder / self.file_name)}},
            "response_headers_to_add": [set_header(name, value) for name, value in headers],
        }
